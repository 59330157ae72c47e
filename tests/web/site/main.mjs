import * as client from '/client.mjs';
import * as blocks from '/blocks.mjs';
import * as reference from '/reference.mjs';

Object.assign(window, { client, blocks, reference, isReady: true });
