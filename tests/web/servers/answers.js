'use strict';
// A web server that is no Engine.IO server. The path says how it answers: `/cors/503/`, `/plain/404/`.

const http = require('node:http');
const { listening } = require('./listening');

const ANSWERS = {
  404: (response) => response.writeHead(404).end('nothing here'),
  503: (response) => response.writeHead(503, { 'retry-after': '7' }).end('overloaded'),
  302: (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere?token=SECRET' }).end(),
  html: (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title><p>Hello'),
};

async function answers(_require, { origin }) {
  const server = http.createServer((request, response) => {
    const [, cors, kind] = request.url.split('?')[0].split('/');
    if (cors === 'cors') {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', 'retry-after');
    }
    (ANSWERS[kind] ?? ANSWERS[404])(response);
  });
  return listening(server);
}

module.exports = { answers };
