import { type AnnounceState, createAnnounce } from './announce.ts'
import { type ChangerState, createChanger } from './change.ts'
import { createDispatch, type DispatchState } from './dispatch.ts'
import { createGuest, type GuestState } from './guest.ts'
import { createHost, type HostState } from './host.ts'
import {
  type Incarnation,
  type LedgerId,
  type Millis,
  type NodeId,
  nodeId,
  type PeerId,
  type StorageId,
} from './ids.ts'
import { createKeys, type KeyState } from './keys.ts'
import { createMembership, type Membership } from './membership.ts'
import type { TaskSpec, Values } from './messages.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { createProducer, type ProducerState } from './producer.ts'
import { createProposer, type ProposerState } from './proposer.ts'
import { type Random, randomFrom } from './random.ts'
import { createVoter, type VoterState } from './voter.ts'
import { createWatch, type WatchState } from './watch.ts'

/** What a node is when it starts, and its limits. */
export interface MachineInit {
  readonly peer: PeerId
  readonly incarnation: Incarnation
  readonly storageId: StorageId
  /** Four random 32-bit numbers: all that the core draws comes from them. */
  readonly seed: readonly [number, number, number, number]
  /** A guest neither works nor votes nor owns a ledger. */
  readonly guest: boolean
  /** Voters of a new ledger; odd. */
  readonly voters: number
  readonly leaseMs: number
  /** Run grants after which a task has failed, since its runs never end. */
  readonly maxDeliveries: number
  /** Tasks run at the same time, per queue and in all; an empty list serves nothing. */
  readonly queues: readonly { readonly queue: string; readonly concurrency: number }[]
  readonly concurrency: number
  /** Canonical labels of this node, `name=value`. */
  readonly labels: readonly string[]
  /**
   * What becomes of tasks whose voters are lost: they wait for them, unless given, or a survivor
   * publishes them anew, as another generation.
   */
  readonly orphans?: 'wait' | 'fork' | undefined
  /** Bytes of open records and kept results that this voter takes. */
  readonly maxBytes: number
  /** Wall clock minus monotonic clock at the start, in milliseconds. */
  readonly wallOffsetMs: number
  /** Whether nothing written before the start can be missing, synced or not. */
  readonly intact: boolean
  /**
   * How long failed tasks are kept, and ledgers remembered of which nothing is left, in milliseconds.
   * Seven days unless given.
   */
  readonly keepMs?: number | undefined
  /**
   * Full nodes of a mesh, this one among them, that is not large; fewer only where few nodes are to
   * behave like many.
   */
  readonly smallMesh?: number | undefined
  /** Registers per page; small only where states are enumerated. */
  readonly pageTasks: number
}

/** The whole protocol state of one node. */
export interface Machine {
  readonly init: MachineInit
  readonly node: NodeId
  readonly random: Random
  readonly outbox: Outbox
  readonly members: Membership
  readonly voter: VoterState
  readonly proposer: ProposerState
  readonly producer: ProducerState
  readonly dispatch: DispatchState
  readonly announce: AnnounceState
  readonly watch: WatchState
  readonly guest: GuestState
  readonly host: HostState
  readonly keys: KeyState
  readonly changer: ChangerState
  addresses: readonly string[]
  /** Echoes of this peer's own storage, and of others', as the journal has them. */
  readonly echoes: Map<PeerId, { storageId: StorageId; lsn: number }>
  /** Whether the replay is over. */
  started: boolean
  leaving: boolean
  /** Whether somebody waits for the end of what this node has claimed. */
  drainAsked: boolean
  /** Others are to keep the ledgers of this node, and somebody waits for it. */
  isHandingOver: boolean
  handOverAsked: boolean
  compareAt: Millis
  orphansAt: Millis
  idleAt: Millis
  /** When the next tick is due; undefined until it is asked for, after a turn that may have changed it. */
  nextTickAt: Millis | undefined
  replayLsn: number
}

export type TaskState = 'pending' | 'delayed' | 'running' | 'done' | 'failed' | 'cancelled'

/** What this node knows of a task. */
export interface TaskView {
  readonly ledger: LedgerId
  readonly seq: number
  readonly state: TaskState
  readonly spec: TaskSpec
  readonly failures: number
  readonly grants: number
  /** Who holds its lease, while it runs. */
  readonly holder: PeerId | undefined
  /** Time until it is due, in milliseconds; 0 when due. */
  readonly dueMs: number
  readonly ageMs: number
  readonly payload: Uint8Array | undefined
  readonly outcome: Values | undefined
  /** Whether it is settled and its outcome is not kept any more. */
  readonly expired: boolean
}

/** A node before its first input. Its journal is then replayed into it. */
export function createMachine(init: MachineInit): Machine {
  const { peer, storageId, leaseMs, maxBytes, pageTasks, wallOffsetMs, maxDeliveries } = init
  const node = nodeId(peer, init.incarnation)
  const random = randomFrom(init.seed)
  const { keepMs } = init
  const limits = { leaseMs, maxBytes, pageTasks, wallOffsetMs, keepMs }
  const voter = createVoter({ peer, storageId, ...limits })
  const self = { peer, storageId }
  return {
    init,
    node,
    random,
    outbox: createOutbox(peer),
    members: createMembership(init.smallMesh),
    voter,
    proposer: createProposer({ self: peer, node, leaseMs, maxDeliveries, random, voter }),
    producer: createProducer({ node, self, wanted: init.voters, random }),
    dispatch: createDispatch(peer, init.queues, init.guest ? 0 : init.concurrency, init.labels),
    announce: createAnnounce(),
    watch: createWatch(),
    guest: createGuest(),
    host: createHost(),
    keys: createKeys(),
    changer: createChanger({ self: peer, node, random }),
    addresses: [],
    echoes: new Map(),
    started: false,
    leaving: false,
    drainAsked: false,
    isHandingOver: false,
    handOverAsked: false,
    compareAt: 0,
    orphansAt: 0,
    idleAt: 0,
    nextTickAt: undefined,
    replayLsn: 0,
  }
}
