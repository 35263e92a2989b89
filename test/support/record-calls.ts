/**
 * Loaded before a program (`--import`): every request that it makes over HTTP is written to the file
 * that VERSIONS_CALLS names, a line of JSON each, with who made it.
 */
import { appendFileSync } from 'node:fs';
import { ClientRequest } from 'node:http';

const file = process.env['VERSIONS_CALLS'];
if (file !== undefined) {
  // oxlint-disable-next-line typescript/unbound-method -- called with the request below
  const { write, end } = ClientRequest.prototype;
  const sent = new WeakMap<object, Buffer[]>();
  const keep = (request: object, chunk: unknown): void => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    sent.set(request, [...(sent.get(request) ?? []), Buffer.from(chunk)]);
  };
  const record = (request: ClientRequest): void => {
    const headers = request.getHeaders();
    const isObject = headers['x-amz-target'] === undefined && !isForm(headers['content-type']);
    const body = isObject ? '' : Buffer.concat(sent.get(request) ?? []).toString('utf8');
    const { method, path, host } = request;
    const who = process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? process.env['VERSIONS_CALLER'] ?? '';
    const at = headers['host'] ?? host;
    appendFileSync(file, `${JSON.stringify({ who, method, at, path, headers, body })}\n`);
  };
  ClientRequest.prototype.write = function writeRecorded(this: ClientRequest, ...args: unknown[]) {
    keep(this, args[0]);
    return Reflect.apply(write, this, args) as boolean;
  };
  ClientRequest.prototype.end = function endRecorded(this: ClientRequest, ...args: unknown[]) {
    keep(this, args[0]);
    record(this);
    return Reflect.apply(end, this, args) as ClientRequest;
  };
}

function isForm(type: unknown): boolean {
  return String(type).startsWith('application/x-www-form-urlencoded');
}
