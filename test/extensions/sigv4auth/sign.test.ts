import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Secret } from '#config';
import { inferred } from '../../../extensions/sigv4auth/infer.ts';
import { canonicalRequest, fromAmzDate, type Signable, sha256 } from '../../../extensions/sigv4auth/sign.ts';
import { signedHeaders } from '../../../extensions/sigv4auth/signed.ts';

interface Vector {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  service: string;
  region: string;
  time: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | null;
  authorization: string;
}
const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../golden/sigv4/vectors.json', import.meta.url), 'utf8'));

describe('sigv4 signing', () => {
  it('says of 60 requests what botocore says', () => {
    expect(vectors).to.have.length(60);
    for (const vector of vectors) {
      const url = new URL(vector.url);
      const request = {
        method: vector.method,
        url,
        headers: { host: url.host, 'User-Agent': 'not signed', ...vector.headers },
        body: Buffer.from(vector.body, 'base64'),
      };
      const keys = {
        accessKeyId: vector.accessKeyId,
        secretAccessKey: new Secret(vector.secretAccessKey),
        ...(vector.sessionToken ? { sessionToken: new Secret(vector.sessionToken) } : {}),
        source: 'a vector',
      };
      const got = signedHeaders(request, vector, keys, fromAmzDate(vector.time));
      expect(got, vector.url).to.deep.equal({
        'x-amz-date': vector.time,
        ...(vector.sessionToken ? { 'x-amz-security-token': vector.sessionToken } : {}),
        authorization: vector.authorization,
      });
    }
  });

  const path = (wire: string, canonical: string, normalize = true) =>
    it(`takes the path ${wire} for ${canonical}`, () => {
      const request: Signable = { method: 'GET', path: wire, query: '', headers: [], payloadHash: sha256('') };
      expect(canonicalRequest(request, normalize).split('\n')[1]).to.equal(canonical);
    });
  path('', '/');
  path('/..', '/');
  path('/a/.', '/a/');
  path('/a/..', '/');
  path('/a//b/', '/a/b/');
  path('/%zz/\ud800', '/%25zz/%EF%BF%BD');
  path('/a/../b', '/a/../b', false);

  const query = (wire: string, canonical: string) =>
    it(`takes the query ${wire} for ${canonical}`, () => {
      const request: Signable = { method: 'GET', path: '/', query: wire, headers: [], payloadHash: sha256('') };
      expect(canonicalRequest(request).split('\n')[2]).to.equal(canonical);
    });
  query('', '');
  query('a', 'a=');
  query('a=1&&a=0', 'a=0&a=1');
  query('a==&b=%zz', 'a=%3D&b=%25zz');
  query('a=b+c', 'a=b%20c');
});

describe('sigv4 inference', () => {
  const infers = (host: string, service?: string, region?: string) =>
    it(`takes ${host} for ${service} in ${region}`, () => {
      expect(inferred(host)).to.deep.equal({ ...(service && { service }), ...(region && { region }) });
    });
  infers('aps-workspaces.eu-west-1.amazonaws.com', 'aps', 'eu-west-1');
  infers('APS-Workspaces.EU-west-1.amazonaws.com.', 'aps', 'eu-west-1');
  infers('aps-workspaces-fips.us-gov-west-1.amazonaws.com', 'aps', 'us-gov-west-1');
  infers('aps-workspaces.us-west-2.api.aws', 'aps', 'us-west-2');
  infers('vpce-1-2.aps-workspaces.eu-west-1.vpce.amazonaws.com', 'aps', 'eu-west-1');
  infers('search-logs-abc.us-east-1.es.amazonaws.com', 'es', 'us-east-1');
  infers('vpc-x.cn-north-1.es.amazonaws.com.cn', 'es', 'cn-north-1');
  infers('logs.ap-southeast-2.amazonaws.com', 'logs', 'ap-southeast-2');
  infers('xray.us-east-1.amazonaws.com', 'xray', 'us-east-1');
  infers('monitoring.us-iso-east-1.c2s.ic.gov', 'monitoring', 'us-iso-east-1');
  infers('ec2.us-east-1.amazonaws.com', undefined, 'us-east-1');
  infers('aps-workspaces.eu-west-1.amazonaws.com.evil.test');
  infers('aps-workspaces.eu-west-1.evil.test');
  infers('127.0.0.1');
  infers('[::1]');
  infers('constructor.amazonaws.com');
});
