import { expect } from 'chai';
import { type Owner, ownerOfCgroup } from '#linux';

describe('ownerOfCgroup', () => {
  const id = '0123456789abcdef'.repeat(4);
  const uid = '3f7a7c5e-1b2c-4d5e-8f90-a1b2c3d4e5f6';
  const tells = (path: string, labels: Owner) =>
    it(`of ${path}`, () => expect(ownerOfCgroup(path)).to.deep.equal(labels));

  tells('/', {});
  tells('/system.slice', {});
  tells('/system.slice/dnsmasq.service', { unit: 'dnsmasq.service' });
  tells('/user.slice/user-1000.slice/session-3.scope', { unit: 'session-3.scope' });
  tells(`/kubepods/burstable/pod${uid}/${id}`, { pod_uid: uid, container_id: id });
  tells(`/kubepods/pod${uid}`, { pod_uid: uid });
  const slice = `kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice`;
  tells(`/kubepods.slice/kubepods-besteffort.slice/${slice}/cri-containerd-${id}.scope`, {
    pod_uid: uid,
    container_id: id,
  });
  tells(`/kubelet.slice/kubelet-kubepods.slice/kubelet-${slice}/crio-${id}.scope`, { pod_uid: uid, container_id: id });
  tells(`/system.slice/docker-${id}.scope`, { container_id: id });
  // A static pod's UID is a hash without dashes.
  tells('/kubepods/pod0123456789abcdef0123456789abcdef', { pod_uid: '0123456789abcdef0123456789abcdef' });
  tells('/podcast/app', {});
  tells('/a"b\nc.service', { unit: 'a"b\nc.service' });
});
