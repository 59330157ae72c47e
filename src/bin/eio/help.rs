//! What `eio --help` prints.

pub(crate) const HELP: &str = r#"eio: a command line client for Engine.IO servers (protocol version 4)

Usage: eio [OPTIONS] URL

Each line of standard input is sent as a text message; each message received is
written as a line on standard output. When the input ends, eio delivers what it
has read, closes the session and exits. Ctrl-C, SIGTERM and SIGHUP close the
session, too; a second one ends eio at once.

URL is http://HOST[:PORT][/PATH/], or the same with https, ws or wss, or
unix:///SOCKET. The scheme decides about TLS alone, not about the transport.

Connection:
  --transport NAME          polling or websocket; repeat it, or give a list with
                            commas, in order of preference [default:
                            polling,websocket: opens by polling, and upgrades to
                            websocket where the server offers it]
  --path PATH               the Engine.IO path on the server [default: the path
                            of URL, or else /engine.io/]
  --no-trailing-slash       asks for the path without a slash at its end, which
                            it gets otherwise
  --query NAME=VALUE        adds a parameter to the query string of each
                            request; may be repeated
  -H, --header 'NAME: VALUE'
                            adds a header to each request; may be repeated
  --follow-redirects        opens the session where the server redirects the
                            handshake to (five times at most, and never from
                            https to http); headers of -H that may be secret
                            stay with the first server
  --proxy URL               connects through http://, https://, socks5:// or
                            socks5h://[USER:PASSWORD@]HOST:PORT [default: what
                            http_proxy, https_proxy, all_proxy and no_proxy in
                            the environment say]
  --request-timeout SECONDS
                            how long opening by one transport may take (name,
                            TCP, TLS and handshake), and how long a POST may go
                            without progress. With two transports, connecting
                            may take twice as long [default: 10]
  --max-message-size BYTES  a longer message from the server ends the session
                            [default: 67108864, 64 MiB]
  --runtime NAME            tokio, smol or async-std [default: the first of them
                            that is compiled in]

Reconnecting and receipts:
  --reconnect               opens another session when one ends, and tries again
                            when none can be opened, the first one included
  --resend WHAT             which lines the next session sends [default: unsent]
                            unsent: those that were not sent. None arrives
                            twice; some may be lost when a connection breaks
                            unconfirmed: also those that may not have arrived.
                            None is lost unless eio says so; some arrive twice.
                            It implies --receipts
  --receipts                finds out which lines have arrived: by pings of
                            WebSocket, and by polls that stay unanswered
  --reconnect-delay SECONDS
                            the wait before the first attempt. It doubles with
                            each attempt that fails, and varies by half at
                            random [default: 1]
  --reconnect-delay-max SECONDS
                            the longest wait, and how long a session must have
                            lasted for attempts to be counted anew [default: 5,
                            or --reconnect-delay if that is longer]
  --reconnect-attempts NUMBER
                            gives up when this many attempts in a row have
                            failed; the first connection is not counted
                            [default: no limit]
  A server that answers 401, 403 or 404, whose certificate is refused, or that
  does not speak Engine.IO 4, is asked three times.

TLS (for https and wss):
  --ca FILE                 trusts the CA certificates of this PEM file besides
                            those of the system; may be repeated
  --cert FILE               shows the server this client certificate (PEM, with
                            the intermediate certificates behind it)
  --key FILE                the private key of --cert (PEM) [default: in the
                            file of --cert]
  --insecure                accepts any certificate of the server: anybody on
                            the way can read and change what is said

Input and output:
  --binary-input            each line of input is base64, and is sent as a
                            binary message
  --json                    writes each event as a JSON object on a line
  --linger SECONDS          when the input has ended and the session is open,
                            goes on receiving for this long [default: 0]
  -v, -vv, -vvv             writes a log to standard error: of the connection;
                            of each step, too; of each packet with its contents,
                            too

  -h, --help                prints this text
  -V, --version             prints the version

Seconds may be fractions, as 0.5.

Input lines end with a line feed, or a carriage return and a line feed, neither
of which is sent. Everything else is sent as it is. An empty line is an empty
message. A line that can't be sent is reported on standard error, and the rest
goes on.

Output without --json: one line is one message. A text is written as it is. A
binary message is written as base64:DATA. A text that contains a line break, or
begins with "base64:" or "json:", is written as json:STRING, where STRING is a
JSON string, so that it can't be mistaken for another message. News of the
connection are on standard error.

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
The first event is connect or connect_error, and the last one of a session that
was open is disconnect. There is no event when the user leaves before the
session is open, or for bad usage. With --reconnect, reconnect comes before each
wait, with the reason why the last session ended or none could be opened; each
connect is followed by one disconnect; and connect_error is the last event, when
no session could be opened and none is tried any more. given_up has messages
that will not be sent again, and no_receipts tells that the server can't confirm
what it gets. REASON is "client disconnect", "server
disconnect" (with close_code and close_reason where the server sent a WebSocket
close frame), "ping timeout", or "transport error" (with error and causes).

End of the input with --reconnect: eio goes on until each line has been sent
(with --resend unconfirmed: confirmed), in as many sessions as that takes, and
closes the session. Where nothing is left to be sent it waits for no session,
unless --linger asks for one.

Exit status:
  0  eio ended the session (end of input, or a signal), and had sent every line
     that it had read
  1  connecting failed, the session ended any other way, lines were not
     delivered or may not have been (standard error says how many; all of them,
     where the server did not answer the goodbye), or standard input or output
     failed
     With --reconnect or --receipts standard error says "N lines may not have
     arrived, M were not sent". With --receipts the first are those that are not
     confirmed; with --reconnect those of all sessions count
  2  bad usage: an option, a URL or a file that can't be used

Examples:
  eio http://localhost:3000
  echo hello | eio --linger 1 http://localhost:3000
  eio --json --transport websocket -H 'Authorization: Bearer TOKEN' \
      https://example.com/engine.io/ < messages.txt
  tail -f log | eio --reconnect --resend unconfirmed https://example.com
  eio -vv --ca ca.pem --cert me.pem --key me.key https://localhost:3000
"#;
