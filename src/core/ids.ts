/** A libp2p peer id in its text form. Lives as long as the data directory. */
export type PeerId = string

/** 64 random bits in 16 hex digits, new at every start of a process. */
export type Incarnation = string

/** One process start of one peer, `peerId.incarnation`: what proposes, works and owns ledgers. */
export type NodeId = string

/** Names a ledger: 128 random bits in 32 hex digits, unique without its producer. */
export type LedgerId = string

/** 128 random bits in hex, made with a data directory; a new one means the old votes are gone. */
export type StorageId = string

/** Milliseconds on the local monotonic clock. Never compared across peers. */
export type Millis = number

/** Position in a store's journal, counted from 1; 0 is before the first entry. */
export type Lsn = number

/** The node that one process start of a peer is. */
export function nodeId(peer: PeerId, incarnation: Incarnation): NodeId {
  return `${peer}.${incarnation}`
}

/** The peer that a node is a process start of. */
export function peerOf(node: NodeId): PeerId {
  const dot = node.lastIndexOf('.')
  return dot < 0 ? node : node.slice(0, dot)
}

/** A task's public name: its ledger and its sequence number there. */
export function taskId(ledger: LedgerId, seq: number): string {
  return `${ledger}-${seq}`
}

/** The ledger and sequence number in a task's public name, or `undefined` if it is none. */
export function parseTaskId(id: string): { ledger: LedgerId; seq: number } | undefined {
  const match = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,9})$/.exec(id)
  if (match === null) return undefined
  const [, ledger = '', seq = ''] = match
  return { ledger, seq: Number(seq) }
}
