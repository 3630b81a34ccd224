import { expect } from 'chai';
import { AF_INET, libc, SOCK_CLOEXEC, SOCK_DGRAM, whyNoLibc } from '#linux';

describe('libc', () => {
  it('is there on the Node that the product runs on', () => {
    expect(whyNoLibc()).to.equal('');
  });

  it('opens and closes a socket', () => {
    const fd = libc()!.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    expect(fd).to.be.greaterThan(2);
    libc()!.close(fd);
    expect(() => libc()!.close(fd))
      .to.throw('close: EBADF')
      .with.property('code', 'EBADF');
  });

  it('throws what the kernel says', () => {
    expect(() => libc()!.ioctl(-1, 0x8946, new Uint8Array(40))).to.throw('ioctl: EBADF');
  });

  it('writes into the bytes it was given', () => {
    const SIOCGIFINDEX = 0x8933;
    const fd = libc()!.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const request = new Uint8Array(40);
    request.set(Buffer.from('lo'));
    libc()!.ioctl(fd, SIOCGIFINDEX, request);
    libc()!.close(fd);
    expect(new DataView(request.buffer).getInt32(16, true)).to.equal(1);
  });
});
