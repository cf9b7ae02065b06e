import { openClaim } from '../../core/ask.ts'
import { ASKING, type Claiming, FETCHING, RUNNING, tasksWhere } from '../../core/claim.ts'
import { type NodeId, nodeId } from '../../core/ids.ts'
import { checkpoint, start } from '../../core/machine.ts'
import { storeFirst } from '../../core/storing.ts'
import { tickProposer } from '../../core/renew.ts'
import { allCollected } from '../../core/collected.ts'
import { pushRun, type Ranges, seqsOf, subtract } from '../../core/ranges.ts'
import { collectNow } from '../../core/retention.ts'
import { noBytes } from '../../core/values.ts'
import { compareLedger } from '../../core/voter-compare.ts'
import { takeUndecided } from '../../core/voter.ts'
import { type Change, openChange, resendMs, tickChanges } from '../../core/change.ts'
import { againMs, tickJoins } from '../../core/join.ts'
import type { Voter } from '../../core/messages.ts'
import {
  type Actor,
  chunkOfShape,
  helloOf,
  hasJournal,
  infoIn,
  isTracked,
  ledgerOf,
  restartActor,
  mayDraw,
  placeOf,
  votersOf,
} from './actor.ts'
import type { Flight } from './items.ts'
import { far, passTime } from './normal.ts'
import type { Shape } from './plan.ts'
import { Turn } from './turn.ts'

/** When only retries are due, when leases are over, and when claims have waited too long. */
const retryAt = 500
const expireAt = 990
const giveUpAt = 1_500

/** What a node may do next of itself, by name. */
export function movesOf(shape: Shape, actor: Actor): string[] {
  const { plan, machine, opened } = actor
  const { proposer, voter, outbox } = machine
  const moves: string[] = []
  const draws = mayDraw(actor)
  const busy = [...proposer.claims.values()].some(
    ({ intent, live }) => intent === 'run' && live > 0,
  )
  for (const [i, { intent }] of plan.opens.entries()) {
    const free = intent === 'run' ? !busy : (opened & (1 << i)) === 0
    if (draws && free) moves.push(`open ${i}`)
  }
  if (draws) for (const i of proposer.retries.keys()) moves.push(`retry ${i}`)
  for (const claiming of proposer.claims.values()) {
    const running = inPhase(claiming, RUNNING)
    if (running.length > 0) {
      for (const end of plan.ends) {
        moves.push(`end ${claiming.id} ${end}`)
        if (!plan.apart || claiming.count < 2) continue
        for (const seq of seqsOf(running)) moves.push(`end ${claiming.id} ${end} ${seq}`)
      }
    }
    if (!plan.expires) continue
    if (running.length > 0 || inPhase(claiming, FETCHING).length > 0) moves.push('expire')
    if (inPhase(claiming, ASKING).length > 0) moves.push('give up')
  }
  if (shape.leases && mayLapse(actor)) moves.push('lapse')
  if (plan.finishes && draws && voter.undecided.length > 0) moves.push('finish')
  moves.push(...changeMovesOf(shape, actor))
  if (plan.collects && mayCollect(actor)) moves.push('collect')
  if (plan.compares) moves.push('compare')
  if (isTracked(actor) && outbox.durable < outbox.lsn) moves.push('sync')
  if (plan.checkpoints && hasJournal(actor) && outbox.durable === outbox.lsn) {
    moves.push('checkpoint')
  }
  if (actor.starts < plan.crashes) {
    moves.push('crash')
    if (plan.syncs && outbox.durable < outbox.lsn) moves.push('crash and lose')
  }
  return [...new Set(moves)]
}

/** What a node may do of itself about the voters of the ledger. */
function changeMovesOf(shape: Shape, { plan, machine }: Actor): string[] {
  const { voter, changer } = machine
  const moves: string[] = []
  const change = changer.changes.get('ledger')
  const votes = voter.ledgers.get('ledger')?.office === 'voter'
  const draws = changer.counter < plan.electBallots
  if (draws && change === undefined && votes) {
    for (const i of plan.elects.keys()) moves.push(`elect ${i}`)
  }
  if (draws && change !== undefined && change.againAt < Infinity) moves.push('again')
  if (plan.drives >= 0 && change === undefined && votes && changer.counter === 0) {
    if (voter.ledgers.get('ledger')?.info.epoch === plan.drives) moves.push('drive')
  }
  const crashes = shape.nodes.some(({ crashes }) => crashes > 0)
  if (crashes && change?.stage === 'installing') moves.push('tell')
  if (shape.looks && voter.joins.size > 0) moves.push('look')
  return moves
}

function inPhase(claiming: Claiming, phase: number): number[] {
  return tasksWhere(claiming, at => claiming.phase[at] === phase)
}

function mayCollect({ machine }: Actor): boolean {
  return [...machine.voter.ledgers.values()].some(({ stored, collected }) => {
    return subtract(stored, allCollected(collected)).length > 0
  })
}

function mayLapse({ machine }: Actor): boolean {
  const { voter } = machine
  if (voter.leases.byId.size > 0) return true
  return [...voter.ledgers.values()].some(
    ({ delayed, blockedUntil }) => delayed.length > 0 || blockedUntil > 0,
  )
}

/** Whether a message can reach a node: connections end with the process starts at both ends. */
export function canReach({ starts, machine }: Actor, flight: Flight): boolean {
  if (flight.toStart !== starts) return false
  const known = machine.members.peers.get(flight.from)?.node ?? ''
  const knownStart = Number(known.slice(known.lastIndexOf('.') + 1))
  if (flight.message.type === 'hello') return flight.fromStart > knownStart
  return flight.fromStart === knownStart
}

/** A message arrives. */
export function deliver(shape: Shape, actor: Actor, { from, message, lsn }: Flight): Turn {
  const turn = new Turn(shape, actor)
  if (message.type === 'hello') {
    turn.input({ type: 'peer-down', peer: from })
    turn.input({ type: 'peer-up', peer: from })
  }
  turn.input({ type: 'received', from, lsn, message })
  turn.end()
  return turn
}

/** A node does something of itself. */
export function makeMove(shape: Shape, actor: Actor, move: string): Turn {
  if (move.startsWith('crash')) return crash(shape, actor, move !== 'crash')
  const turn = new Turn(shape, actor)
  const [name = '', first = '', ...rest] = move.split(' ')
  const { machine } = actor
  switch (name) {
    case 'open':
      open(shape, actor, Number(first))
      break
    case 'retry':
      retry(actor, Number(first))
      break
    case 'end':
      end(turn, Number(first), rest)
      break
    case 'expire':
      tickWithoutRetries(actor, expireAt)
      break
    case 'give':
      tickWithoutRetries(actor, giveUpAt)
      break
    case 'lapse':
      passTime(machine.voter)
      break
    case 'finish':
      finish(shape, actor)
      break
    case 'elect':
      change(actor, votersOf(actor.plan.elects[Number(first)] ?? []), 'asking')
      break
    case 'drive':
      change(actor, infoIn(shape, actor.plan.drives + 1).voters, 'installing')
      break
    case 'again':
    case 'tell':
      tickChanges(machine.changer, machine.voter, machine.outbox, machine.proposer.up, resendMs)
      break
    case 'look':
      tickJoins(machine.voter, machine.outbox, machine.proposer.up, againMs)
      break
    case 'collect':
      for (const { info, stored } of machine.voter.ledgers.values()) {
        collectNow(machine.voter, machine.outbox, info.ledger, stored)
      }
      break
    case 'compare':
      for (const ledger of machine.voter.ledgers.values()) {
        compareLedger(machine.voter, machine.outbox, ledger)
      }
      break
    case 'checkpoint':
      actor.journal = [...checkpoint(machine, 0)]
      break
    case 'sync':
      turn.sync()
      break
    default:
      throw new RangeError(`There is no move ${move}`)
  }
  turn.flush()
  giveRecords(shape, actor, turn)
  turn.end()
  return turn
}

function change({ machine }: Actor, voters: readonly Voter[], stage: Change['stage']): void {
  const { changer, outbox, voter } = machine
  const ledger = voter.ledgers.get('ledger')
  if (ledger !== undefined) openChange(changer, outbox, ledger, voters, stage, 0)
}

function open(shape: Shape, actor: Actor, i: number): void {
  const { proposer, outbox } = actor.machine
  const opening = actor.plan.opens[i]
  if (opening === undefined) throw new RangeError(`There is no opening ${i}`)
  const { intent, first, count } = opening
  if (intent !== 'run') actor.opened |= 1 << i
  if (intent === 'direct') return publishFor(shape, actor, nodeId(opening.to ?? '', '0'))
  const cancel = intent === 'cancel' ? { request: 1, reason: noBytes } : undefined
  const info = infoIn(shape, opening.epoch ?? 0)
  const want = { info, intent, seqs: [first, count], any: [], anyCount: 0 }
  const once = { sequential: false, queue: 'q', cancel, hand: undefined, tries: 0 }
  openClaim(proposer, outbox, { ...want, ...once }, 0)
}

/** Stores the tasks and claims them for a worker, under a ballot above the plan's counter. */
function publishFor(shape: Shape, { machine, plan }: Actor, worker: NodeId): void {
  const { producer, voter, outbox } = machine
  const info = ledgerOf(shape)
  const ledger = voter.ledgers.get(info.ledger)
  if (ledger !== undefined) ledger.counter = Math.max(ledger.counter, plan.counter)
  storeFirst(producer, voter, outbox, info, { chunk: chunkOfShape(shape), request: 1, worker }, 0)
}

/** A worker gets the records at once: who gives them makes no difference to the votes. */
function giveRecords(shape: Shape, actor: Actor, turn: Turn): void {
  const { plan, machine } = actor
  const lacking = [...machine.proposer.claims.values()].some(
    ({ intent, chunks }) => intent === 'run' && chunks.length === 0,
  )
  const from = shape.nodes.find(({ votes }) => votes)?.peer
  if (plan.votes || !lacking || from === undefined) return
  const { ledger, epoch } = ledgerOf(shape)
  const chunks = [chunkOfShape(shape)]
  turn.input({
    type: 'received',
    from,
    lsn: 0,
    message: { type: 'records', ledger, epoch, chunks },
  })
}

function retry({ machine }: Actor, i: number): void {
  const { proposer, outbox } = machine
  const others = proposer.retries.filter((_, at) => at !== i)
  proposer.retries = proposer.retries.filter((_, at) => at === i)
  tickProposer(proposer, outbox, retryAt)
  proposer.retries.push(...others)
}

function tickWithoutRetries({ machine }: Actor, now: number): void {
  const { proposer, outbox } = machine
  const others = proposer.retries
  proposer.retries = []
  tickProposer(proposer, outbox, now)
  proposer.retries.push(...others)
}

function end(turn: Turn, claimId: number, [kind = '', only]: readonly string[]): void {
  const { actor } = turn
  const claiming = actor.machine.proposer.claims.get(claimId)
  if (claiming === undefined) return
  const seqs: Ranges = only === undefined ? inPhase(claiming, RUNNING) : [Number(only), 1]
  actor.ended += 1
  const bytes: number[] = []
  const each: number[] = []
  for (const seq of seqsOf(seqs)) {
    bytes.push(48 + actor.ended)
    pushRun(each, seq, 1)
  }
  turn.input({
    type: 'finished',
    ledger: claiming.info.ledger,
    token: claiming.ballot.counter,
    seqs: each,
    kind: kind === 'error' ? 'error' : 'done',
    lengths: new Uint32Array(bytes.length).fill(1),
    body: Uint8Array.from(bytes),
  })
}

function finish(shape: Shape, { machine }: Actor): void {
  const { voter, proposer, outbox } = machine
  for (const { seqs } of takeUndecided(voter, far)) {
    const info = voter.ledgers.get('ledger')?.info ?? ledgerOf(shape)
    const want = { info, intent: 'finish', seqs, any: [], anyCount: 0 } as const
    const once = { sequential: false, queue: '', cancel: undefined, hand: undefined, tries: 0 }
    openClaim(proposer, outbox, { ...want, ...once }, 0)
  }
}

/** The process ends, and another starts on what its disk has kept. */
function crash(shape: Shape, before: Actor, lose: boolean): Turn {
  const { durable, lsn } = before.machine.outbox
  const kept = placeOf(before, durable)
  const journal = lose ? before.journal.slice(0, kept) : before.journal
  const actor = restartActor(shape, before, journal, !lose)
  const turn = new Turn(shape, actor)
  const effects = start(actor.machine, lose ? durable : lsn, 0)
  turn.kept(journal.slice(kept))
  turn.perform(effects)
  for (const { peer } of shape.nodes) {
    const { plan, starts } = actor
    if (peer !== plan.peer) turn.fly(peer, helloOf(plan.peer, starts), 0)
  }
  return turn
}
