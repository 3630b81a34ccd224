import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Secret } from '#config';
import {
  amzDate,
  authorization,
  canonicalRequest,
  fromAmzDate,
  type Scope,
  type Signable,
  sha256,
  stringToSign,
} from '../../extensions/sigv4auth/sign.ts';
import { suite } from '../support/suites.ts';

const { path, json, holds, listIsCurrent } = suite('sigv4');
const text = (...parts: string[]) => readFileSync(path(...parts), 'utf8').replaceAll('\r\n', '\n');

/** A request as the suites write it: the target may hold blanks, a header's value may go on in the next line. */
function requestIn(raw: string): Signable & { body: string } {
  const [head = '', ...rest] = raw.split('\n\n');
  const [line = '', ...lines] = head.split('\n');
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/.exec(line) ?? [];
  const [file = '', ...query] = target.split('?');
  const headers: [string, string][] = [];
  for (const one of lines) {
    if (/^\s/.test(one)) headers.at(-1)![1] += ` ${one}`;
    else if (one !== '') headers.push([one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 1)]);
  }
  const body = rest.join('\n\n');
  return { method, path: file, query: query.join('?'), headers, payloadHash: sha256(body), body };
}

interface Context {
  credentials: { access_key_id: string; secret_access_key: string; token?: string };
  normalize: boolean;
  sign_body: boolean;
  omit_session_token?: boolean;
  region: string;
  service: string;
  timestamp: string;
}

describe('suite sigv4: aws-c-auth', () => {
  const cases = readdirSync(path('aws-c-auth-v4')).filter((name) => !name.includes('.'));

  it('has 38 cases', () => expect(cases).to.have.length(38));

  for (const name of cases) {
    holds(`aws-c-auth ${name}`, () => {
      const file = (which: string) => text('aws-c-auth-v4', name, which);
      const context = json<Context>('aws-c-auth-v4', name, 'context.json');
      const { access_key_id, secret_access_key, token } = context.credentials;
      const time = amzDate(Date.parse(context.timestamp));
      const scope: Scope = { region: context.region, service: context.service, time };
      const request = requestIn(file('request.txt'));
      const added: [string, string][] = [['X-Amz-Date', time]];
      if (token && !context.omit_session_token) added.push(['X-Amz-Security-Token', token]);
      if (context.sign_body) added.push(['x-amz-content-sha256', request.payloadHash]);
      const signable = { ...request, headers: [...request.headers, ...added] };

      const canonical = canonicalRequest(signable, context.normalize);
      expect(canonical).to.equal(file('header-canonical-request.txt').trimEnd());
      expect(stringToSign(canonical, scope)).to.equal(file('header-string-to-sign.txt').trimEnd());
      const header = authorization(signable, scope, access_key_id, new Secret(secret_access_key), context.normalize);
      expect(header.split('Signature=')[1]).to.equal(file('header-signature.txt').trim());
      expect(file('header-signed-request.txt')).to.contain(`Authorization:${header}`);
    });
  }
});

describe('suite sigv4: botocore', () => {
  /** Those that botocore's own test leaves out. */
  const LEFT_OUT = [
    'normalize-path/get-space',
    'get-vanilla-query-order-key-case',
    'get-vanilla-query-order-key',
    'get-vanilla-query-order-value',
  ];
  const root = path('botocore-aws4_testsuite');
  const cases = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.req'))
    .map((entry) => entry.parentPath.slice(root.length + 1))
    .sort();

  it('has 34 cases, of which botocore itself leaves out 4', () => {
    expect(cases).to.have.length(34);
    expect(LEFT_OUT.filter((name) => cases.includes(name))).to.have.length(4);
  });

  for (const name of cases.filter((one) => !LEFT_OUT.includes(one))) {
    holds(`botocore ${name}`, () => {
      const file = (extension: string) =>
        text('botocore-aws4_testsuite', name, `${name.split('/').at(-1)}.${extension}`);
      const request: Signable = requestIn(file('req'));
      const dates = request.headers.filter(([header]) => header.toLowerCase() === 'x-amz-date');
      expect(dates).to.have.length(1);
      const scope: Scope = { region: 'us-east-1', service: 'service', time: dates[0]![1] };
      // A session's token is in the request to be sent alone.
      const token = /SignedHeaders=\S*x-amz-security-token/.test(file('authz'));
      if (token) request.headers = requestIn(file('sreq')).headers.filter(([header]) => header !== 'Authorization');
      const canonical = canonicalRequest(request);
      expect(canonical).to.equal(file('creq'));
      expect(stringToSign(canonical, scope)).to.equal(file('sts'));
      const secret = new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY');
      expect(authorization(request, scope, 'AKIDEXAMPLE', secret)).to.equal(file('authz'));
    });
  }
  listIsCurrent();
});

describe('suite sigv4: times', () => {
  it('are read as they are written', () => {
    const at = Date.UTC(2024, 1, 29, 23, 59, 59);
    expect(amzDate(at + 999)).to.equal('20240229T235959Z');
    expect(fromAmzDate('20240229T235959Z')).to.equal(at);
    expect(fromAmzDate('')).to.be.NaN;
  });
});
