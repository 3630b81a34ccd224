/** Whose a cgroup is. What the path does not tell is absent. */
export interface Owner {
  /** The systemd service, scope, socket, mount or swap that is innermost in the path. */
  unit?: string;
  pod_uid?: string;
  container_id?: string;
}

const CONTAINER_ID = /^(?:[a-z][a-z0-9-]*-)?([0-9a-f]{64})(?:\.scope)?$/;
const POD =
  /^(?:kubepods-(?:burstable-|besteffort-)?|kubelet-kubepods-(?:burstable-|besteffort-)?)?pod([0-9a-f_-]{32,36})(?:\.slice)?$/;
const UNIT = /\.(?:service|scope|socket|mount|swap)$/;

/**
 * What a cgroup's path tells: the systemd unit, the pod's UID, the container's id. Understood are the layouts of kubelet
 * with the systemd and the cgroupfs driver, of containerd, CRI-O and Docker. A container's scope is named by its id alone.
 */
export function ownerOfCgroup(path: string): Owner {
  const owner: Owner = {};
  for (const step of path.split('/')) {
    const container = CONTAINER_ID.exec(step)?.[1];
    // The systemd driver writes the dashes of a UID as underscores, because a dash nests slices.
    const pod = POD.exec(step)?.[1]?.replaceAll('_', '-');
    if (container) owner.container_id = container;
    else if (pod) owner.pod_uid = pod;
    else if (UNIT.test(step)) owner.unit = step;
  }
  return owner;
}
