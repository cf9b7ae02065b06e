import type { Effect, Run } from '../../src/core/effects.ts'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import type { Input } from '../../src/core/inputs.ts'
import type { Values } from '../../src/core/messages.ts'
import type { Tamper } from '../../src/simulator/tamper.ts'

/* Ways to break a cluster. Each is the bug that one checker is there to find. */

/** What some bytes are when a bug has been at them. */
function garbled(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 0x55 : byte))
}

function garbledValues(values: readonly Values[]): Values[] {
  return values.map(some => ({ ...some, body: garbled(some.body), failures: some.failures + 1 }))
}

/** Every answer of one voter counts for all of them: a quorum of one. */
export function quorumOfOne(): Tamper {
  const voters = new Map<LedgerId, readonly PeerId[]>()
  return {
    effects: (_actor, effects) => {
      for (const effect of effects) {
        if (effect.type === 'persist' && effect.entry.type === 'opened') {
          voters.set(
            effect.entry.ledger,
            effect.entry.voters.map(({ peer }) => peer),
          )
        }
      }
      return effects
    },
    input: (actor, input) => {
      if (input.type !== 'received') return [input]
      const { message } = input
      if (message.type !== 'claimed' && message.type !== 'accepted') return [input]
      const others = (voters.get(message.ledger) ?? []).filter(
        peer => peer !== input.from && peer !== actor.peer,
      )
      return [input, ...others.map((from): Input => ({ ...input, from }))]
    },
  }
}

/** Proposers do not read what voters have accepted. */
export const blindProposers: Tamper = {
  message: (_from, _to, message) =>
    message.type === 'claimed' ? { ...message, accepted: [] } : message,
}

/** Voters come back from a crash without their votes, and do not know that they had any. */
export const forgetfulVoters: Tamper = {
  recovered: (_actor, entries) =>
    entries.map(entry =>
      entry.type === 'accepted' || entry.type === 'granted' || entry.type === 'reserved'
        ? { type: 'echo', peer: 'n0', storageId: 'ab'.repeat(16), lsn: 0, incarnation: '' }
        : entry,
    ),
}

/** Every failure passes for the first one. */
export const uncountedFailures: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect => {
      if (effect.type !== 'persist' || effect.entry.type !== 'accepted') return effect
      const { counter } = effect.entry.ballot
      const values = effect.entry.values.map(some =>
        // With waits that differ they are no resend of one and the same value.
        some.kind === 'pending' ? { ...some, failures: 1, delayMs: counter } : some,
      )
      return { ...effect, entry: { ...effect.entry, values } }
    }),
}

/** Users of one node are told something else. */
export const lyingOutcomes: Tamper = {
  effects: (actor, effects) =>
    effects.map(effect =>
      effect.type === 'outcomes' && actor.index === 0
        ? { ...effect, values: garbledValues(effect.values) }
        : effect,
    ),
}

/** A proposer makes its value anew for every voter it sends it to. */
export const unstableValues: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect =>
      effect.type === 'send' && effect.message.type === 'settle' && effect.to === 'n0'
        ? {
            ...effect,
            message: { ...effect.message, values: garbledValues(effect.message.values) },
          }
        : effect,
    ),
}

/** Results are changed on their way from the handler. */
export const changedResults: Tamper = {
  input: (_actor, input) => [
    input.type === 'finished' && input.kind === 'done'
      ? { ...input, body: garbled(input.body) }
      : input,
  ],
}

/** A voter acknowledges what it has not written. */
export const unwrittenRecords: Tamper = {
  effects: (actor, effects) =>
    effects.map(effect =>
      actor.index < 2 && effect.type === 'persist' && effect.entry.type === 'stored'
        ? {
            ...effect,
            entry: {
              type: 'echo',
              peer: 'n0',
              storageId: 'ab'.repeat(16),
              lsn: 0,
              incarnation: '',
            } as const,
          }
        : effect,
    ),
}

/** Every run gets the same token. */
export const constantTokens: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect => (effect.type === 'run' ? { ...effect, token: 1 } : effect)),
}

/** A worker runs again what it has been told the outcome of. */
export function runsAfterTheEnd(): Tamper {
  const runs: Run[] = []
  return {
    effects: (_actor, effects) => {
      const more: Effect[] = []
      for (const effect of effects) {
        if (effect.type === 'run') runs.push(effect)
        if (effect.type !== 'outcomes') continue
        const again = runs.find(({ ledger }) => ledger === effect.ledger)
        if (again !== undefined) more.push({ ...again, token: again.token + 1_000 })
      }
      return [...effects, ...more]
    },
  }
}

/** A worker goes on when it is told that its lease is lost. */
export const deafWorkers: Tamper = {
  effects: (_actor, effects) => effects.filter(effect => effect.type !== 'abort'),
}

/** Every run is started twice. */
export const doubleStarts: Tamper = {
  effects: (_actor, effects) =>
    effects.flatMap((effect): Effect[] => (effect.type === 'run' ? [effect, effect] : [effect])),
}

/** Replies leave before what they imply is on disk. */
export const hastyReplies: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect => (effect.type === 'send' ? { ...effect, after: 0 } : effect)),
}

/** Records are changed on their way to voters. */
export const changedRecords: Tamper = {
  message: (_from, _to, message) =>
    message.type === 'store'
      ? {
          ...message,
          chunks: message.chunks.map(chunk => ({ ...chunk, payload: garbled(chunk.payload) })),
        }
      : message,
}

/** A publisher is told the names of other tasks. */
export const wrongNames: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect =>
      effect.type === 'published'
        ? {
            ...effect,
            parts: effect.parts.map(({ ledger, seqs }) => ({
              ledger,
              seqs: seqs.map((value, i) => (i % 2 === 0 ? value + 1 : value)),
            })),
          }
        : effect,
    ),
}

/** Hosts do not write down whose request it was that they have numbered. */
export const forgetfulHosts: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect =>
      effect.type === 'persist' && effect.entry.type === 'stored'
        ? { ...effect, entry: { ...effect.entry, origin: undefined } }
        : effect,
    ),
}

/** Results are kept for much longer than they are wanted. */
export const hoarders: Tamper = {
  input: (_actor, input) => [
    input.type === 'publish'
      ? { ...input, spec: { ...input.spec, resultTtlMs: 86_400_000 } }
      : input,
  ],
}

/** Voters do not write down that they have ended an epoch. */
export const unwrittenSeals: Tamper = {
  effects: (_actor, effects) =>
    effects.map(effect =>
      effect.type === 'persist' && effect.entry.type === 'sealed'
        ? {
            ...effect,
            entry: {
              type: 'echo',
              peer: 'n0',
              storageId: 'ab'.repeat(16),
              lsn: 0,
              incarnation: '',
            },
          }
        : effect,
    ),
}

/** Nobody is asked to take the place of a voter; nor does a task ever end. */
export const noNewcomers: Tamper = {
  message: (_from, _to, message) =>
    message.type === 'invite' || message.type === 'settle' ? undefined : message,
}

/** What a survivor publishes anew reaches nobody. */
export const lostGenerations: Tamper = {
  message: (_from, _to, message) => {
    const isLater =
      message.type === 'store' && message.chunks.some(({ fork }) => fork !== undefined)
    return isLater ? undefined : message
  },
}

/** Outcomes never reach the voters. */
export const lostSettlements: Tamper = {
  message: (_from, _to, message) => (message.type === 'settle' ? undefined : message),
}

/** Nobody hears of tasks that another node has. */
export const noClaims: Tamper = {
  message: (_from, _to, message) => (message.type === 'claim' ? undefined : message),
  effects: (_actor, effects) => effects.filter(effect => effect.type !== 'run'),
}

/** The core throws. */
export function brokenCore(): Tamper {
  return {
    effects: (_actor, effects) => {
      if (effects.some(effect => effect.type === 'run')) throw new RangeError('a bug')
      return effects
    },
  }
}

/** One voter forgets what it was told to be decided. */
export const forgottenOutcomes: Tamper = {
  effects: (actor, effects) =>
    effects.map(effect =>
      actor.index === 1 && effect.type === 'persist' && effect.entry.type === 'settled'
        ? {
            ...effect,
            entry: {
              type: 'echo',
              peer: 'n0',
              storageId: 'ab'.repeat(16),
              lsn: 0,
              incarnation: '',
            },
          }
        : effect,
    ),
}

/** Users of one node are told of no outcome. */
export const untoldOutcomes: Tamper = {
  effects: (actor, effects) =>
    effects.filter(effect => actor.index !== 0 || effect.type !== 'outcomes'),
}

/** Voters come back without their ledgers. */
export const forgottenLedgers: Tamper = {
  recovered: (_actor, entries) => entries.filter(entry => entry.type === 'started'),
}

/** Voters take each claim of a worker that beats for confirmed, also those that it has never heard of. */
export const credulousVoters: Tamper = {
  input: (_actor, input) => {
    if (input.type !== 'received' || input.message.type !== 'renew') return [input]
    const confirmed = Array.from({ length: 64 }, (_, claimId) => claimId)
    return [{ ...input, message: { ...input.message, confirmed } }]
  },
}
