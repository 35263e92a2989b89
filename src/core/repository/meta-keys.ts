/** Names of values that the catalog keeps beside the journal. */
export const metaKeys = {
  repository: 'repository',
  /** Of a catalog that serves one machine; else each machine keeps its own. */
  writer: 'writer',
  /** 'yes': this machine only reads. */
  follower: 'follower',
  /** 'yes' until the catalog has the whole history: an interrupted `connect`, rebuild or copy goes on there. */
  filling: 'filling',
  /** Followed by the id of a mirror: what was found out about its place. */
  probe: 'probe/',
  /** Followed by the id of a machine: how many milliseconds it means to be silent at most, or nothing. */
  promise: 'promise/',
  /** Hash of an entry of which some writer knows that it was stored in mirrors. */
  stored: 'stored',
  /** Name of a checkpoint of which some writer knows that it was stored in mirrors. */
  checkpoint: 'checkpoint',
  /** Id of the lineage that a rebuild of this catalog began. */
  rebuild: 'rebuild',
  /** Id of the lineage with which this catalog was closed when it was copied. */
  copy: 'copy',
  /** Says of which loss of packs a healer has seen that nothing needs them any more. */
  loss: 'loss',
  /** URL of the catalog that took the place of this one; empty if it is in use again. */
  movedTo: 'moved-to',
} as const;
