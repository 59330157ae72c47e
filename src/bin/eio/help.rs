//! The texts of `eio -h` and `eio --help`. Both fit a terminal of 80 columns.

/// `eio -h`: each option on one line.
pub(crate) const SHORT: &str = r#"eio: a command line client for Engine.IO servers (protocol version 4)

Usage: eio [OPTIONS] URL

Connection:
      --path PATH                    Engine.IO path [default: /engine.io/]
      --no-trailing-slash            don't add a slash to the path
      --query NAME=VALUE             add a parameter to the query string
  -H, --header 'NAME: VALUE'         add a header to each request
      --follow-redirects             follow redirects of the handshake
Transports:
      --transport NAME               polling, websocket, or a list with commas
      --deflate                      compress messages over websocket
TLS and proxy:
      --ca FILE                      also trust the CAs in this PEM file
      --cert FILE                    client certificate (PEM)
      --key FILE                     private key of --cert (PEM)
      --insecure                     accept any certificate
      --proxy URL                    http, https, socks5 or socks5h proxy
Input and output:
      --binary-input                 input lines are base64 of binary messages
      --json                         write each event as a JSON object
      --max-message-size BYTES       limit of received messages
Reconnecting:
      --reconnect                    open another session when one ends
      --resend WHAT                  unsent or unconfirmed [default: unsent]
      --receipts                     find out which lines have arrived
      --reconnect-delay SECONDS      first delay [default: 1]
      --reconnect-delay-max SECONDS  longest delay [default: 5]
      --reconnect-attempts NUMBER    give up after this many failures in a row
Time-outs:
      --request-timeout SECONDS      limit of connecting and POSTs [default: 10]
      --linger SECONDS               keep receiving after the end of input
Other:
      --runtime NAME                 tokio, smol or async-std
  -v, -vv, -vvv                      log to standard error
  -h, --help                         print this summary, or all details
  -V, --version                      print the version and features

Try: echo hello | eio --linger 1 http://localhost:3000
"#;

/// `eio --help`: all options, the formats of input and output, and examples.
pub(crate) const LONG: &str = r#"eio: a command line client for Engine.IO servers (protocol version 4)

Usage: eio [OPTIONS] URL

Each line of standard input is sent as a text message, and each message received
is written as a line to standard output. At the end of input, eio delivers what
it has read, closes the session and exits. Ctrl-C, SIGTERM and SIGHUP close the
session, too. A second signal ends eio at once.

URL is http://HOST[:PORT][/PATH/], or the same with https, ws or wss, or
unix:///SOCKET. The scheme selects only TLS, and not the transport: ws means the
same as http, and wss the same as https.

SECONDS may be a fraction, such as 0.5.

Connection:
  --path PATH               the Engine.IO path on the server [default: the path
                            of URL, or /engine.io/ if URL has none]
  --no-trailing-slash       requests the path as it is given. Without this
                            option, a missing slash is added at its end
  --query NAME=VALUE        adds a parameter to the query string of each
                            request. May be repeated
  -H, --header 'NAME: VALUE'
                            adds a header to each request. May be repeated
  --follow-redirects        follows redirects of the handshake: at most five,
                            and never from https to http. Headers of -H that
                            may be secret are not sent to another server

Transports:
  --transport NAME          polling or websocket. Repeat it, or separate names
                            by commas, in order of preference [default:
                            polling,websocket: opens on polling, and upgrades
                            to websocket if the server offers it]
  --deflate                 offers the server to compress messages over
                            websocket. What a message has in common with a
                            secret may show in its length

TLS and proxy:
  --ca FILE                 trusts the CA certificates in this PEM file in
                            addition to those of the system. May be repeated
  --cert FILE               presents this client certificate to the server (PEM,
                            followed by the intermediate certificates)
  --key FILE                the private key of --cert (PEM) [default: read from
                            the file of --cert]
  --insecure                accepts any certificate: anyone on the network path
                            can then read and change the traffic
  --proxy URL               connects through http://, https://, socks5:// or
                            socks5h://[USER:PASSWORD@]HOST:PORT [default: the
                            environment variables http_proxy, https_proxy,
                            all_proxy and no_proxy]

Input and output:
  --binary-input            decodes each line of input as base64, and sends it
                            as a binary message
  --json                    writes each event as a JSON object on one line
  --max-message-size BYTES  ends the session at a longer message from the server
                            [default: 67108864, 64 MiB]

Reconnecting:
  --reconnect               opens another session when one ends, and tries again
                            when none can be opened, the first one included
  --resend WHAT             which lines the next session sends [default: unsent]
                            unsent: lines that were not sent. No line arrives
                            twice. Some may be lost when a connection breaks
                            unconfirmed: also lines that may not have arrived.
                            No line is lost unless eio reports it. Some may
                            arrive twice. Implies --receipts
  --receipts                finds out which lines have arrived: by pings of
                            WebSocket, or by polls that the server holds
  --reconnect-delay SECONDS
                            the delay before the first attempt. It doubles with
                            each failed attempt, and varies by half at random
                            [default: 1]
  --reconnect-delay-max SECONDS
                            the longest delay. A session that has lasted this
                            long resets the delay and the count of attempts
                            [default: 5, or --reconnect-delay if it is longer]
  --reconnect-attempts NUMBER
                            gives up after this many failed attempts in a row.
                            The first connection does not count [default: no
                            limit]
  If the server answers 401, 403 or 404, if its certificate is refused, or if it
  does not speak Engine.IO 4, eio gives up after the third time in a row.

  At the end of input, eio continues until every line is sent (with --resend
  unconfirmed: confirmed), in as many sessions as necessary, and then closes the
  session. If nothing is left to send, it waits for no session, unless --linger
  is given.

Time-outs:
  --request-timeout SECONDS
                            the limit for opening a session on one transport
                            (name, TCP, TLS and handshake), and for a POST that
                            makes no progress. With two transports, connecting
                            may take twice as long [default: 10]
  --linger SECONDS          after the end of input, continues to receive for
                            this long [default: 0]

Other:
  --runtime NAME            tokio, smol or async-std [default: the first of them
                            in this build]
  -v, -vv, -vvv             logs to standard error: the connection (-v), each
                            step (-vv), each packet with its contents (-vvv)
  -h                        prints a summary of the options
  --help                    prints this text
  -V, --version             prints the version, and the features of this build

Input:
  A line ends with a line feed, or with a carriage return and a line feed. Both
  are removed, and everything else is sent unchanged. An empty line is an empty
  message. A line that can't be sent is reported on standard error, and eio
  continues with the next one.

Output without --json:
  Each line is one message. A text is written unchanged. A binary message is
  written as base64:DATA. A text that contains a line break, or begins with
  "base64:" or "json:", is written as json:STRING, where STRING is a JSON
  string, so that no two messages look the same. Events of the connection are
  described on standard error.

Output with --json:
  {"event":"connect","sid":STRING,"transport":"polling" or "websocket"}
  {"event":"connect_error","error":STRING,"causes":[STRING, ...]}
  {"event":"upgrade","transport":"websocket"}
  {"event":"upgrade_error","error":STRING,"causes":[STRING, ...]}
  {"event":"message","text":STRING}
  {"event":"message","binary":BASE64}
  {"event":"disconnect","reason":REASON}
  {"event":"reconnect","attempt":NUMBER,"delay":SECONDS,"reason":REASON}
  {"event":"given_up","messages":[{"text":STRING} or {"binary":BASE64}, ...],
   "error":STRING,"causes":[STRING, ...]}
  {"event":"no_receipts","error":STRING,"causes":[STRING, ...]}

  REASON is "client disconnect", "server disconnect" (with close_code and
  close_reason if the server sent a WebSocket close frame), "ping timeout", or
  "transport error" (with error and causes).

  The first event is connect or connect_error. The last event of a session that
  was open is disconnect. There is no event for bad usage, or if the user ends
  eio before the session is open.

  With --reconnect, a reconnect event precedes each delay. Its reason is why the
  last session ended, or why none could be opened. Each connect is followed by
  one disconnect. If no session can be opened and eio gives up, the last event
  is connect_error. given_up contains messages that will not be sent again.
  no_receipts means that the server does not confirm what it receives.

Exit status:
  0  eio ended the session (end of input, or a signal), and had sent every line
     that it had read
  1  connecting failed, the session ended in another way, standard input or
     output failed, or lines were not or may not have been delivered. Standard
     error says how many. If the server did not answer the close of the session,
     every line counts as one that may not have been delivered.
     With --reconnect or --receipts, standard error says "N lines may not have
     arrived, M were not sent". With --receipts, N counts the lines that are not
     confirmed. With --reconnect, the numbers cover all sessions
  2  bad usage: an option, a URL or a file is not valid

Examples:
  Talk to a server:
    eio http://localhost:3000
  Send a text, and wait one second for answers:
    echo hello | eio --linger 1 http://localhost:3000
  Send a file as one binary message:
    base64 < image.png | tr -d '\n' | eio --binary-input http://localhost:3000
  Decode the binary messages received, which are written as base64:DATA:
    eio http://localhost:3000 | sed -un 's/^base64://p' |
      while read -r data; do echo "$data" | base64 -d; done
  Print the texts received, with jq, over WebSocket and with a token:
    eio --json --transport websocket -H 'Authorization: Bearer TOKEN' \
      https://example.com | jq -r --unbuffered 'select(.text).text'
  Print why connecting fails, as JSON:
    eio --json https://example.com < /dev/null |
      jq 'select(.event == "connect_error") | .error, .causes[]'
  Forward a log, reconnecting for as long as necessary, without losing a line:
    tail -f log | eio --reconnect --resend unconfirmed https://example.com
  Identify by a client certificate, and log each step:
    eio -vv --ca ca.pem --cert me.pem --key me.key https://localhost:3000
"#;
