import { expect } from 'chai';
import { chooseFormat, type ScrapeProtocol } from '#prometheus';

describe('chooseFormat', () => {
  const chooses = (contentType: string | undefined, format: string, fallback?: ScrapeProtocol) =>
    it(`chooses ${format} for ${contentType}${fallback ? ` with ${fallback} to fall back to` : ''}`, () => {
      expect(chooseFormat(contentType, fallback).format).to.equal(format);
    });

  chooses('text/plain', 'text');
  chooses('text/plain; version=0.0.4; charset=utf-8; escaping=underscores', 'text');
  chooses(' Text/Plain ;version="0.0.4";', 'text');
  chooses('application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics');
  chooses('text/plain', 'text', 'OpenMetricsText1.0.0');
  chooses(undefined, 'openmetrics', 'OpenMetricsText0.0.1');
  chooses('application/json', 'text', 'PrometheusText1.0.0');

  it('says why it falls back', () => {
    expect(chooseFormat('text/html', 'PrometheusText0.0.4').warning).to.equal(
      'the target sends the unsupported Content-Type "text/html"; using fallback_scrape_protocol PrometheusText0.0.4',
    );
    expect(chooseFormat('text/plain', 'PrometheusText0.0.4').warning).to.equal(undefined);
  });

  it('refuses what it cannot read when there is nothing to fall back to', () => {
    expect(() => chooseFormat('')).to.throw(
      'the target sends no Content-Type, and there is no fallback_scrape_protocol',
    );
    expect(() => chooseFormat('text/plain; a=1; A=2')).to.throw('cannot be read');
    expect(() => chooseFormat('text/plain; charset')).to.throw('cannot be read');
  });

  it('knows the protobuf format', () => {
    expect(chooseFormat('application/vnd.google.protobuf; encoding=delimited')).to.deep.equal({ format: 'protobuf' });
    expect(chooseFormat('', 'PrometheusProto').format).to.equal('protobuf');
  });
});
