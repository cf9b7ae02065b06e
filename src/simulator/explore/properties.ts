import { sameBallot } from '../../core/ballot.ts'
import { stateAt } from '../../core/ledger.ts'
import { seqsOf } from '../../core/ranges.ts'
import { OPEN, type Page } from '../../core/registers.ts'
import { majorityOf } from '../../core/quorum.ts'
import type { Actor } from './actor.ts'
import { ballotText, type Fact, isOutcome } from './items.ts'

type FactOf<Type extends Fact['type']> = Fact & { readonly type: Type }

function only<Type extends Fact['type']>(facts: readonly Fact[], type: Type): FactOf<Type>[] {
  return facts.filter((fact): fact is FactOf<Type> => fact.type === type)
}

/** The epoch that has begun before all else, and how many vote in it. */
export interface FirstEpoch {
  readonly epoch: number
  readonly voters: number
}

/** Outcomes that a majority has durably accepted at one ballot, whoever knows of it. */
export function chosenOf(
  facts: readonly Fact[],
  begun: FirstEpoch,
): { seq: number; counter: number; value: string }[] {
  const groups = new Map<string, FactOf<'accepted'>[]>()
  // Only accepts of one epoch make a majority.
  for (const fact of only(facts, 'accepted')) {
    const key = `${fact.epoch} ${fact.seq} ${ballotText(fact.ballot)} ${fact.value}`
    const group = groups.get(key) ?? []
    if (!group.some(({ voter }) => voter === fact.voter)) group.push(fact)
    groups.set(key, group)
  }
  const chosen: { seq: number; counter: number; value: string }[] = []
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined || !isOutcome(first.value)) continue
    if (group.length < majorityIn(facts, first.epoch, begun)) continue
    chosen.push({ seq: first.seq, counter: first.ballot.counter, value: first.value })
  }
  return chosen
}

/** How many voters of an epoch are a majority. */
function majorityIn(facts: readonly Fact[], epoch: number, begun: FirstEpoch): number {
  if (epoch === begun.epoch) return majorityOf(begun.voters)
  const known = only(facts, 'installed').find(fact => fact.epoch === epoch)
  return known === undefined ? Infinity : majorityOf(known.next.split(' ').length)
}

/** Says what is wrong with all that has happened, or nothing. */
export function checkFacts(
  facts: readonly Fact[],
  begun: FirstEpoch,
  limits: { readonly maxDeliveries: number },
): string | undefined {
  const accepted = only(facts, 'accepted')
  const chosen = chosenOf(facts, begun)
  return (
    oneSuccessor(facts, begun) ??
    oneValuePerBallot(facts) ??
    oneOutcome(chosen, accepted) ??
    decidedIsChosen(facts, chosen) ??
    runsInOrder(facts) ??
    validOutcomes(facts, limits)
  )
}

/** S8: one successor per epoch, installed from a sealed majority. */
function oneSuccessor(facts: readonly Fact[], begun: FirstEpoch): string | undefined {
  const next = new Map<number, string>()
  const follows = (epoch: number, named: string): boolean => {
    const known = next.get(epoch)
    if (known === undefined) next.set(epoch, named)
    return known === undefined || known === named
  }
  for (const fact of only(facts, 'successor')) {
    if (!follows(fact.epoch, fact.next)) return `S8: epoch ${fact.epoch} has two successors`
  }
  for (const fact of only(facts, 'sealed')) {
    if (follows(fact.nextEpoch - 1, fact.next)) continue
    return `S8: ${fact.voter} has sealed for other voters`
  }
  for (const { voter, epoch, next: named } of only(facts, 'installed')) {
    if (!follows(epoch - 1, named)) return `S8: ${voter} is installed among other voters`
    const sealed = only(facts, 'sealed').filter(fact => fact.epoch === epoch - 1)
    const skipped = (next.get(epoch - 2)?.split(' ') ?? []).filter(by =>
      hasSkipped(facts, by, epoch),
    )
    const out = new Set([...sealed.map(fact => fact.voter), ...skipped])
    if (sealed.length > 0 && out.size >= majorityIn(facts, epoch - 1, begun)) continue
    return `S8: ${voter} votes in epoch ${epoch}, and no majority has sealed the one before`
  }
  return undefined
}

/** Whether a voter has begun an epoch, or a later one, and not that before it. */
function hasSkipped(facts: readonly Fact[], voter: string, epoch: number): boolean {
  const begun = only(facts, 'installed').filter(fact => fact.voter === voter)
  return begun.some(fact => fact.epoch >= epoch) && begun.every(fact => fact.epoch !== epoch - 1)
}

function oneValuePerBallot(facts: readonly Fact[]): string | undefined {
  const proposed = new Map<string, string>()
  for (const { seq, ballot, value } of only(facts, 'proposed')) {
    const key = `task ${seq} at ballot ${ballotText(ballot)}`
    const other = proposed.get(key)
    if (other !== undefined && other !== value) return `S3: ${key}: both ${other} and ${value}`
    proposed.set(key, value)
  }
  return undefined
}

function oneOutcome(
  chosen: ReturnType<typeof chosenOf>,
  accepted: readonly FactOf<'accepted'>[],
): string | undefined {
  for (const { seq, counter, value } of chosen) {
    const other = chosen.find(also => also.seq === seq && also.value !== value)
    if (other !== undefined) return `S1: task ${seq} has two outcomes, ${value} and ${other.value}`
    // A later ballot must have read what was chosen, so it can carry nothing else.
    const later = accepted.find(
      also => also.seq === seq && also.ballot.counter > counter && also.value !== value,
    )
    if (later === undefined) continue
    return `S1: task ${seq}: ${later.value} accepted above ${value}, chosen at ${counter}`
  }
  return undefined
}

function decidedIsChosen(
  facts: readonly Fact[],
  chosen: ReturnType<typeof chosenOf>,
): string | undefined {
  for (const { by, seq, value } of only(facts, 'decided')) {
    if (chosen.some(also => also.seq === seq && also.value === value)) continue
    return `S2: ${by} takes ${value} of task ${seq} for decided, which no majority has accepted`
  }
  for (const { by, seq, kind } of only(facts, 'collected')) {
    if (chosen.some(also => also.seq === seq && also.value.startsWith(kind))) continue
    return `S2: ${by} collects task ${seq} as ${kind}, which no majority has accepted`
  }
  const proposed = only(facts, 'proposed')
  for (const { by, seq, ballot } of only(facts, 'decided-at')) {
    const value = proposed.find(also => also.seq === seq && sameBallot(also.ballot, ballot))?.value
    if (chosen.some(also => also.seq === seq && also.value === value)) continue
    return `S2: ${by} tells task ${seq} decided at ${ballotText(ballot)}, which it is not`
  }
  return undefined
}

function runsInOrder(facts: readonly Fact[]): string | undefined {
  const runs = only(facts, 'run')
  for (const { seq, ballot, token, decided } of only(facts, 'began')) {
    if (!runs.some(run => run.seq === seq && sameBallot(run.ballot, ballot))) continue
    const name = `task ${seq} runs under ballot ${ballotText(ballot)}`
    if (decided) return `S7: ${name}, claimed after its outcome was decided`
    if (ballot.counter <= token) return `S6: ${name}, claimed after a run with token ${token}`
  }
  return undefined
}

/** Nothing is done without a run; and every grant of a run has a counter of its own. */
function validOutcomes(
  facts: readonly Fact[],
  { maxDeliveries }: { readonly maxDeliveries: number },
): string | undefined {
  const runs = only(facts, 'run')
  for (const { seq, ballot, value } of only(facts, 'proposed')) {
    const isSpent = value.includes('deliveries') && ballot.counter <= maxDeliveries
    const isUnrun = value.startsWith('done') && !runs.some(run => run.seq === seq)
    const name = `task ${seq} is settled ${value} at ballot ${ballotText(ballot)}`
    if (isSpent) return `S4: ${name}, too early`
    if (isUnrun) return `S4: ${name}, and has not run`
  }
  return undefined
}

/** Says what is wrong with one voter by itself, before and after a move, or nothing. */
export function checkVoter(before: Actor, after: Actor): string | undefined {
  const ledger = after.machine.voter.ledgers.get('ledger')
  if (ledger === undefined) return undefined
  const old = before.machine.voter.ledgers.get('ledger')
  for (const seq of old === undefined ? [] : seqsOf(old.stored)) {
    const was = old === undefined ? OPEN : stateAt(old, seq)
    if (was > OPEN && stateAt(ledger, seq) !== was && before.starts === after.starts) {
      return `${after.plan.peer}: task ${seq}: a settled register has changed`
    }
  }
  for (const [number, page] of ledger.pages) {
    const was = before.starts === after.starts ? old?.pages.get(number) : undefined
    for (let slot = 0; slot < page.state.length; slot++) {
      const problem = checkRegister(page, was, slot)
      if (problem !== undefined) return `${after.plan.peer}: task ${slot}: ${problem}`
    }
  }
  return undefined
}

function checkRegister(page: Page, was: Page | undefined, slot: number): string | undefined {
  const of = (column: Uint8Array | Uint32Array | undefined) => column?.[slot] ?? 0
  // A restart brings no promises of settled registers back: they promise nothing any more.
  const isOpen = of(page.state) === OPEN
  if (isOpen && of(page.accepted) > of(page.promised)) return 'accepted is above promised'
  if (of(page.promised) < of(was?.promised)) return 'promised has fallen'
  if (of(page.accepted) < of(was?.accepted)) return 'accepted has fallen'
  return undefined
}
