import { expect } from 'chai';
import { containerUrl } from '../../../extensions/sigv4auth/container.ts';
import { instanceUrl } from '../../../extensions/sigv4auth/instance.ts';
import { stsUrl } from '../../../extensions/sigv4auth/sts.ts';

describe('where AWS hands out credentials', () => {
  const sts = (region: string, environment: Record<string, string>, url: string) =>
    it(`STS of ${region} with ${JSON.stringify(environment)} is ${url}`, () =>
      expect(stsUrl(region, environment).href).to.equal(url));
  sts('eu-west-1', {}, 'https://sts.eu-west-1.amazonaws.com/');
  sts('us-gov-west-1', {}, 'https://sts.us-gov-west-1.amazonaws.com/');
  sts('cn-north-1', {}, 'https://sts.cn-north-1.amazonaws.com.cn/');
  sts('us-iso-east-1', {}, 'https://sts.us-iso-east-1.c2s.ic.gov/');
  sts('us-isob-east-1', {}, 'https://sts.us-isob-east-1.sc2s.sgov.gov/');
  sts('eusc-de-east-1', {}, 'https://sts.eusc-de-east-1.amazonaws.eu/');
  sts('us-east-1', { AWS_USE_FIPS_ENDPOINT: 'true' }, 'https://sts-fips.us-east-1.amazonaws.com/');
  sts('us-east-1', { AWS_ENDPOINT_URL: 'http://a:1', AWS_ENDPOINT_URL_STS: 'http://b:2/' }, 'http://b:2/');
  it('is no STS at what is no URL', () =>
    expect(() => stsUrl('x', { AWS_ENDPOINT_URL_STS: 'CANARY' })).to.throw(/^AWS_ENDPOINT_URL_STS is not a URL$/));

  const container = (environment: Record<string, string>, url: string | undefined) =>
    it(`a container's is ${url} with ${JSON.stringify(environment)}`, () =>
      expect(containerUrl(environment)?.href).to.equal(url));
  container({}, undefined);
  container({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x?y' }, 'http://169.254.170.2/v2/x?y');
  container({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '@evil.test/' }, 'http://169.254.170.2/@evil.test/');
  for (const url of ['http://169.254.170.23/v1', 'http://[fd00:ec2::23]/v1', 'http://127.0.0.2:80/', 'https://h/']) {
    container({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }, new URL(url).href);
  }

  const instance = (environment: Record<string, string>, url: string | undefined) =>
    it(`an instance's is ${url} with ${JSON.stringify(environment)}`, () =>
      expect(instanceUrl(environment)?.href).to.equal(url));
  instance({}, 'http://169.254.169.254/');
  instance({ AWS_EC2_METADATA_DISABLED: 'TRUE' }, undefined);
  instance({ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' }, 'http://[fd00:ec2::254]/');
  instance({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://a:1/b' }, 'http://a:1/b/');
});
