import type { PeerId } from '../../core/ids.ts'
import type { Message } from '../../core/messages.ts'

/**
 * A claim that a node may make: to run as often as it has ballots, to cancel once; or, once, to
 * publish the tasks and claim them for another node, `direct`.
 */
export interface Opening {
  readonly intent: 'run' | 'cancel' | 'direct'
  readonly first: number
  readonly count: number
  /** `direct`: the worker. */
  readonly to?: PeerId
  /** The epoch whose voters are asked: it has heard of them. */
  readonly epoch?: number
}

/** What one node of a shape is, and what may happen to it. */
export interface NodePlan {
  readonly peer: PeerId
  readonly votes: boolean
  /** Whether it holds the records from the start; else a STORE must bring them. */
  readonly stored: boolean
  readonly opens: readonly Opening[]
  /** The highest counter that it has heard of. */
  readonly counter: number
  /** Ballots that one process start may draw. */
  readonly ballots: number
  /** Whether it claims again after a crash. */
  readonly worksAgain: boolean
  readonly ends: readonly ('done' | 'error')[]
  /** Whether the tasks of a claim may also end one by one. */
  readonly apart: boolean
  /** How often it may crash and start again. */
  readonly crashes: number
  /** Whether what it has written may be lost by the crash, and replies wait for its disk. */
  readonly syncs: boolean
  /** Whether a checkpoint may take the place of its journal. */
  readonly checkpoints: boolean
  /** Whether it finishes what it has accepted and nobody has decided. */
  readonly finishes: boolean
  /** Whether it takes on what a producer claims for it. */
  readonly takes: boolean
  /** Whether what is settled may be collected: time has passed, or room was needed. */
  readonly collects: boolean
  /** Whether it tells its fellow voters what it holds. */
  readonly compares: boolean
  /** Whether runs may be given up: leases expire, claims take too long. */
  readonly expires: boolean
  /** Whether it may vote in a later epoch, if it does not in the first. */
  readonly full: boolean
  /** Voters of the next epoch that it may want to be chosen, and ballots to have them chosen. */
  readonly elects: readonly (readonly PeerId[])[]
  readonly electBallots: number
  /** The epoch of which it knows the next voters to be decided, and tells them so; −1 for none. */
  readonly drives: number
}

/** A small cluster whose every state is visited. */
export interface Shape {
  readonly name: string
  /** What happens in it, in one sentence. */
  readonly about: string
  readonly tasks: number
  /** Runs that may end in an error before a task has failed. */
  readonly attempts: number
  readonly maxDeliveries: number
  readonly nodes: readonly NodePlan[]
  /** Moves that are made first, each with all the messages that follow: what came before is known. */
  readonly begins: readonly (readonly [peer: PeerId, move: string])[]
  /** The voters of the next epoch, where these are decided from the start. */
  readonly next: readonly PeerId[]
  /** The voters of the epoch after that, if there is one. */
  readonly then: readonly PeerId[]
  /** The epoch that has begun when the exploration does: 0, or that of the next voters. */
  readonly epoch: 0 | 1
  /**
   * What has happened before: moves of nodes, `w0: open 0`, and messages that have arrived,
   * `v0 < w0 claim`.
   */
  readonly before: readonly string[]
  /** Whether new voters ask again for what they have not been given. */
  readonly looks: boolean
  /** Messages that are delivered; others count as lost. */
  readonly carries: readonly Message['type'][]
  /** Messages that may be delivered any number of times; others at most once. */
  readonly repeats: readonly Message['type'][]
  /** Whether leases last until a move ends them, or are over at once. */
  readonly leases: boolean
  /** Whether it is remembered what had happened when a claim began: S6 and S7 are checked. */
  readonly order: boolean
  /** Whether it is small enough for every run of the tests. */
  readonly quick: boolean
  /** States after which the exploration is cut off. */
  readonly maxStates: number
}

/** A node that only votes. */
export function voter(peer: PeerId, more: Partial<NodePlan> = {}): NodePlan {
  return {
    peer,
    votes: true,
    stored: true,
    opens: [],
    counter: 0,
    ballots: 0,
    worksAgain: true,
    ends: [],
    apart: false,
    crashes: 0,
    syncs: false,
    checkpoints: false,
    finishes: false,
    takes: false,
    collects: false,
    compares: false,
    expires: false,
    full: true,
    elects: [],
    electBallots: 0,
    drives: -1,
    ...more,
  }
}

/** A node that votes in the next epoch only. */
export function newcomer(peer: PeerId, more: Partial<NodePlan> = {}): NodePlan {
  return voter(peer, { votes: false, stored: false, ...more })
}

/** A node that claims and does not vote. */
export function worker(peer: PeerId, more: Partial<NodePlan> = {}): NodePlan {
  const run: Opening = { intent: 'run', first: 0, count: 1 }
  return voter(peer, {
    votes: false,
    full: false,
    stored: false,
    opens: [run],
    ballots: 1,
    ends: ['done'],
    ...more,
  })
}

/** A node that cancels the first task. */
export function canceller(peer: PeerId, more: Partial<NodePlan> = {}): NodePlan {
  return worker(peer, { opens: [{ intent: 'cancel', first: 0, count: 1 }], ends: [], ...more })
}
