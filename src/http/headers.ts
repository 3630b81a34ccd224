/** Names that a Prometheus http_config may not set, from prometheus/common config/headers.go. Lower case. */
const RESERVED = new Set([
  'authorization',
  'host',
  'content-encoding',
  'content-length',
  'content-type',
  'user-agent',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'www-authenticate',
  'accept-encoding',
  'x-prometheus-remote-write-version',
  'x-prometheus-remote-read-version',
  'x-prometheus-scrape-timeout-seconds',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

/** Whether Prometheus refuses this name under `http_headers` and `headers`. */
export const isReservedHeader = (name: string): boolean => RESERVED.has(name.toLowerCase());

/** Headers that frame the message. They are the client's and the server's own business, whoever asks. */
const FRAMING = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
export const isFramingHeader = (name: string): boolean => FRAMING.has(name.toLowerCase());

/** RFC 9110 §5.6.2. */
export const isHeaderName = (name: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);

/** What Node agrees to send: Latin-1 without control characters but the tab. */
export const isHeaderValue = (value: string): boolean => !/[^\t\x20-\x7e\x80-\xff]/.test(value);

const CREDENTIALS = /^(authorization|cookie2?|www-authenticate|proxy-authorization|x-amz-.*)$/;
/** Whether a header in a request may hold what another host must not see. Takes lower case. */
export const isCredential = (name: string): boolean => CREDENTIALS.test(name);

/** `Basic …` for user information of a URL, or undefined when it has none. */
export function basicAuthorization(url: URL): string | undefined {
  if (!url.username && !url.password) return undefined;
  return `Basic ${Buffer.from(`${decoded(url.username)}:${decoded(url.password)}`).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
