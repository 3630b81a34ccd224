import { expect } from 'chai';
import { parseCorefile } from '#dns';
import { forwardsOf } from '../../../receivers/localdns/forwards.ts';

/** As `listener block ip`. */
const forwards = (text: string, nameservers: Record<string, string[]> = {}) =>
  forwardsOf(parseCorefile(text), (file) => nameservers[file] ?? []).map(
    ({ listener, block, ip }) => `${listener} ${block} ${ip}`,
  );

describe('the forward addresses of a Corefile', () => {
  const reads = (what: string, text: string, ...want: string[]) =>
    it(what, () => expect(forwards(text)).to.deep.equal(want));
  const inBlock = (...lines: string[]) => `.:53 {\n    bind 10\n    ${lines.join('\n    ')}\n}\n`;

  reads('are those of a block, in order', inBlock('forward . 1.1.1.1 2.2.2.2'), '10 .:53 1.1.1.1', '10 .:53 2.2.2.2');
  reads(
    'are those of every forward of the root',
    inBlock('forward . 1.1.1.1', 'forward . 2.2.2.2'),
    '10 .:53 1.1.1.1',
    '10 .:53 2.2.2.2',
  );
  reads('are none of a forward of other names', inBlock('forward example.com 1.1.1.1'));
  reads(
    'are those of a root with a port or in quotes',
    inBlock('forward .:53 1.1.1.1', 'forward "." 2.2.2.2'),
    '10 .:53 1.1.1.1',
    '10 .:53 2.2.2.2',
  );
  reads('are none of a comment', inBlock('# forward . 1.1.1.1', 'forward . 2.2.2.2 # 3.3.3.3'), '10 .:53 2.2.2.2');
  reads('stand before or behind the bind', '.:53 {\n forward . 1.1.1.1\n bind 10\n}\n', '10 .:53 1.1.1.1');
  reads(
    'are for each address of the bind',
    '.:53 {\n bind 10 11\n forward . 1.1.1.1\n}\n',
    '10 .:53 1.1.1.1',
    '11 .:53 1.1.1.1',
  );
  reads('are none without a bind', '.:53 {\n forward . 1.1.1.1\n}\n');
  reads(
    'are read behind tabs, several blanks and CRLF',
    '.:53 {\r\n\tbind   10\r\n\tforward   .\t1.1.1.1   {\r\n\t}\r\n}\r\n',
    '10 .:53 1.1.1.1',
  );
  reads(
    'leave the options of a forward out',
    inBlock('forward . 1.1.1.1 {', 'except 2.2.2.2', 'health_check 5s domain 3.3.3.3', '}'),
    '10 .:53 1.1.1.1',
  );
  reads(
    'have the bare address, whatever the port or transport',
    inBlock('forward . 1.1.1.1:5300 tls://2.2.2.2%x.example [fd00::1]:53 fd00::2'),
    '10 .:53 1.1.1.1',
    '10 .:53 2.2.2.2',
    '10 .:53 fd00::1',
    '10 .:53 fd00::2',
  );
  reads('are none where CoreDNS sees none', inBlock('forward . 999.999.999.999 1.2.3'));

  const named = (header: string, block: string) =>
    reads(`${header} has the label ${block}`, `${header} {\n bind 10\n forward . 1.1.1.1\n}\n`, `10 ${block} 1.1.1.1`);
  named('.:53', '.:53');
  named('a.local', 'a.local');
  named('a.local:5353', 'a.local:5353');
  named('dns://.:53', 'dns://.:53');
  named('.:53 example.com:53', '.:53');
  named('.:53, example.com:53', '.:53');
  named('.:53,\nexample.com:53', '.:53');

  it('has the nameservers of a file that a block forwards to', () => {
    const files = { '/etc/resolv.conf': ['1.1.1.1', '2.2.2.2'] };
    expect(forwards(inBlock('forward . /etc/resolv.conf'), files)).to.deep.equal([
      '10 .:53 1.1.1.1',
      '10 .:53 2.2.2.2',
    ]);
    expect(forwards(inBlock('forward . /etc/none'), files)).to.deep.equal([]);
  });

  it('goes through snippets', () => {
    const text = `(up) {\n forward . 1.1.1.1\n}\n${inBlock('import up')}`;
    expect(forwards(text)).to.deep.equal(['10 .:53 1.1.1.1']);
  });
});
