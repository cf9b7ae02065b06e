import { createAnnounce } from '../../core/announce.ts'
import { createDispatch } from '../../core/dispatch.ts'
import type { Send } from '../../core/effects.ts'
import type { Entry } from '../../core/entries.ts'
import { createGuest } from '../../core/guest.ts'
import { createHost } from '../../core/host.ts'
import { type NodeId, nodeId, type PeerId } from '../../core/ids.ts'
import { createMachine, type Machine, replay } from '../../core/machine.ts'
import { peerAt } from '../../core/membership.ts'
import type { Chunk, Hello, LedgerInfo, TaskSpec, Voter } from '../../core/messages.ts'
import { onOpen, onStore } from '../../core/voter-store.ts'
import { noTiming } from '../../core/timing.ts'
import { createWatch } from '../../core/watch.ts'
import { persist } from '../../core/outbox.ts'
import { cloneOf } from './clone.ts'
import type { NodePlan, Shape } from './plan.ts'

/** Four words from which all that the core draws follows: every node draws the same again. */
const seed = [1, 2, 3, 4] as const

/** One node of a shape: the real machine, and what its driver and its disk hold for it. */
export interface Actor {
  readonly plan: NodePlan
  readonly machine: Machine
  /** Process starts before this one. */
  readonly starts: number
  /** Openings of the plan that this start will not make again; a bit mask. */
  opened: number
  /** Runs that have ended here, so that no two results are alike. */
  ended: number
  /** The highest place in its journal that this node has told others to wait for. */
  named: number
  /** What is on disk or on its way there, from a checkpoint on; kept while the node may crash. */
  journal: Entry[]
  /** Messages that wait for the disk. */
  waiting: Send[]
  /** The epoch that it votes in, as far as its disk says; −1 for none. */
  duty: number
}

/** Whether what a node writes becomes durable by a move of its own. */
export function isTracked({ plan, starts }: Actor): boolean {
  return plan.syncs && (plan.crashes === 0 || starts < plan.crashes)
}

/** Whether it matters what is in a node's journal. */
export function hasJournal(actor: Actor): boolean {
  return isTracked(actor) || actor.starts < actor.plan.crashes
}

/** Whether a node may claim once more. */
export function mayDraw({ plan, machine, starts }: Actor): boolean {
  return machine.proposer.nextClaimId <= plan.ballots && (starts === 0 || plan.worksAgain)
}

/** Where an entry stands in what is kept of a journal: a checkpoint has the place of the first ones. */
export function placeOf({ journal, machine }: Actor, lsn: number): number {
  return journal.length - (machine.outbox.lsn - lsn)
}

/** Nodes of a shape as voters. */
export function votersOf(peers: readonly PeerId[]): Voter[] {
  return peers.map(peer => ({ peer, storageId: `disk of ${peer}` }))
}

/** What a shape's ledger is in an epoch. */
export function infoIn(shape: Shape, epoch: number): LedgerInfo {
  const info = ledgerOf(shape)
  if (epoch === 0) return info
  return { ...info, epoch, voters: votersOf(epoch === 1 ? shape.next : shape.then) }
}

/** The ledger that the tasks of a shape are in. */
export function ledgerOf(shape: Shape): LedgerInfo {
  const voters = shape.nodes.filter(({ votes }) => votes)
  const producer = shape.nodes.find(({ opens }) => opens.some(it => it.intent === 'direct'))
  return {
    ledger: 'ledger',
    epoch: 0,
    producer: nodeId(producer?.peer ?? 'producer', '0'),
    voters: votersOf(voters.map(({ peer }) => peer)),
  }
}

/** The records of the tasks of a shape. */
export function chunkOfShape(shape: Shape): Chunk {
  const spec: TaskSpec = {
    queue: 'q',
    priority: 0,
    requires: '',
    attempts: shape.attempts,
    backoff: 'fixed',
    backoffMs: 0,
    backoffMaxMs: 0,
    timeoutMs: 0,
    resultTtlMs: 0,
  }
  const lengths = new Uint32Array(shape.tasks)
  const payload = new Uint8Array(0)
  return { first: 0, count: shape.tasks, spec, ...noTiming, lengths, payload }
}

/** A node before anything has happened. */
export function createActor(shape: Shape, plan: NodePlan): Actor {
  const machine = machineOf(shape, plan, 0, true)
  const { voter, outbox } = machine
  const info = ledgerOf(shape)
  if (plan.votes) {
    onOpen(voter, outbox, 'producer', { type: 'open', ...info }, 0)
    if (plan.stored) {
      const { ledger, epoch } = info
      const chunks = [chunkOfShape(shape)]
      const store = { type: 'store', ledger, epoch, fresh: true, chunks } as const
      onStore(voter, outbox, 'producer', store, 0)
    }
    if (shape.epoch > 0) {
      const installed = { type: 'installed', ...infoIn(shape, shape.epoch) } as const
      persist(outbox, installed)
      replay(machine, installed, 0)
    }
  }
  const journal: Entry[] = []
  for (const effect of outbox.effects) if (effect.type === 'persist') journal.push(effect.entry)
  outbox.effects = []
  outbox.durable = outbox.lsn
  const duty = plan.votes ? shape.epoch : -1
  return { plan, machine, starts: 0, opened: 0, ended: 0, named: 0, journal, waiting: [], duty }
}

/** A node after a crash that left it these entries; `intact` if none can be missing. */
export function restartActor(
  shape: Shape,
  { plan, starts, ended, named, duty }: Actor,
  journal: readonly Entry[],
  intact: boolean,
): Actor {
  const machine = machineOf(shape, plan, starts + 1, intact)
  for (const entry of journal) replay(machine, entry, 0)
  const again = { plan, machine, starts: starts + 1, opened: 0, ended, named, duty }
  return { ...again, journal: [...journal], waiting: [] }
}

/** The same node once more, with nothing shared that can change. */
export function copyActor(actor: Actor): Actor {
  const { machine } = actor
  const { voter, proposer, outbox, members, changer } = machine
  const parts = cloneOf({ voter, proposer, outbox, members, changer })
  parts.proposer.random.set(seed)
  return {
    ...actor,
    machine: {
      ...machine,
      ...parts,
      random: parts.proposer.random,
      dispatch: createDispatch(actor.plan.peer, queuesOf(actor.plan), concurrencyOf(actor.plan)),
      announce: createAnnounce(),
      watch: createWatch(),
      guest: createGuest(),
      host: createHost(),
    },
    journal: [...actor.journal],
    waiting: [...actor.waiting],
  }
}

function concurrencyOf({ takes }: NodePlan): number {
  return takes ? 1_000 : 0
}

function queuesOf(plan: NodePlan): { queue: string; concurrency: number }[] {
  return plan.takes ? [{ queue: 'q', concurrency: concurrencyOf(plan) }] : []
}

function machineOf(shape: Shape, plan: NodePlan, start: number, intact: boolean): Machine {
  const machine = createMachine({
    peer: plan.peer,
    incarnation: String(start),
    storageId: `disk of ${plan.peer}`,
    seed,
    guest: !plan.full && !plan.takes,
    voters: 3,
    leaseMs: 30_000,
    maxDeliveries: shape.maxDeliveries,
    queues: queuesOf(plan),
    concurrency: concurrencyOf(plan),
    labels: [],
    maxBytes: 2 ** 20,
    wallOffsetMs: 0,
    intact,
    pageTasks: shape.tasks,
  })
  for (const { peer } of shape.nodes) {
    if (peer !== plan.peer) greet(machine, peer, 0)
  }
  // It owns a ledger with so many voters that it never looks for better ones.
  const voters = Array.from({ length: 9 }, (_, i) => ({ peer: `ghost ${i}`, storageId: '' }))
  const info = { ledger: `own ${plan.peer}`, epoch: 0, producer: machine.node, voters }
  machine.producer.current = { info, opened: 0x1ff, askedAt: 0, next: 0 }
  machine.proposer.counters.set('ledger', plan.counter)
  // No beats: a move ends leases, nothing lengthens them.
  machine.proposer.confirmMs = Infinity
  return machine
}

/** Has a node know a start of a peer, as after its HELLO. */
function greet(machine: Machine, peer: PeerId, start: number): void {
  const known = peerAt(machine.members, peer)
  known.up = true
  known.hello = helloOf(peer, start)
  known.node = nodeId(peer, String(start))
  known.lsnStorageId = known.hello.storageId
  known.greetings = 1
  machine.proposer.up.add(peer)
}

/** What a process start says first. It cannot be dialled, so that nobody would have it vote. */
export function helloOf(peer: PeerId, start: number): Hello {
  return {
    type: 'hello',
    minVersion: 1,
    maxVersion: 1,
    incarnation: String(start),
    storageId: `disk of ${peer}`,
    guest: false,
    addresses: [],
    peers: [],
    queues: [],
    concurrency: 0,
    echoStorageId: '',
    echoLsn: 0,
    echoIncarnation: '',
    echoBeforeLsn: 0,
    changes: true,
  }
}

/** Every process start that may propose, in the order in which voters are made to number them. */
export function proposersOf(shape: Shape): NodeId[] {
  return shape.nodes.flatMap(({ peer, crashes }) =>
    Array.from({ length: crashes + 1 }, (_, start) => nodeId(peer, String(start))),
  )
}
