import { mutant, type Mutant } from './mutant.ts'

/** Bugs in what is collected, and when. */
export const retentionMutants: readonly Mutant[] = [
  mutant(
    'delete-what-is-old',
    'An open register is never deleted, however old it is: its votes count.',
    ['collect'],
    [
      {
        file: 'retention.ts',
        from: '  const collected = byKind(ledger, seqs)\n',
        to: '  if (ledger.settled.length === 0) {\n    ledger.pages.clear()\n    ledger.chunks.length = 0\n    ledger.stored.length = 0\n  }\n  const collected = byKind(ledger, seqs)\n',
      },
    ],
    { quick: false },
  ),
  mutant(
    'collect-what-is-open',
    'Only what is settled is collected, not what is merely accepted.',
    ['collect'],
    [
      {
        file: 'retention.ts',
        from: '  const kept = subtract(intersect(seqs, ledger.settled), allCollected(ledger.collected))',
        to: '  const kept = subtract(intersect(seqs, ledger.stored), allCollected(ledger.collected))',
      },
      {
        file: 'retention.ts',
        from: '    if (state === DONE) pushRun',
        to: '    if (state === DONE || state === OPEN) pushRun',
      },
      {
        file: 'retention.ts',
        from: '    if (page !== undefined && page.state[slot] !== OPEN) {',
        to: '    if (page !== undefined) {\n      page.state[slot] = DONE',
      },
    ],
  ),
  mutant(
    'collected-is-unknown',
    'What is collected stays settled: it is never taken for a register that is not known.',
    ['collect'],
    [
      {
        file: 'ledger.ts',
        from: '  return state === ABSENT ? (collectedState(ledger.collected, seq) ?? ABSENT) : state',
        to: '  return state',
      },
    ],
  ),
  mutant(
    'collected-by-anybody',
    'COLLECTED is said of what is settled at the sender, not of what it holds.',
    ['collect-told'],
    [
      {
        file: 'voter-compare.ts',
        from: '  tellCollected(outbox, from, ledger, news)',
        to: '  tellCollected(outbox, from, { ...ledger, collected: { done: ledger.stored, failed: [], cancelled: [], forgotten: [] } }, ledger.stored)',
      },
    ],
  ),
  mutant(
    'own-value-for-collected',
    'What a voter has accepted is the outcome only where it is known at which ballot that was decided.',
    [],
    [
      {
        file: 'state-part.ts',
        from: 'withValues(ledger, subtract(within(news), allCollected(ledger.collected)))',
        to: 'withValues(ledger, (allCollected(ledger.collected), within(news)))',
      },
      { file: 'voter.ts', from: '  if (outcome.ballot.counter === 0) return false\n', to: '' },
    ],
    {
      quick: false,
      seeds: { first: 9_083_178, count: 1, faults: ['swarm'] },
      tests: ['core/merge.test.ts'],
    },
  ),
  mutant(
    'closed-below-what-is-held',
    'A ledger ends behind all that is held of it, whatever its producer says: that may be an old copy.',
    [],
    [
      {
        file: 'voter-compare.ts',
        from: '  const last = Math.max(end, endOf(ledger.stored))',
        to: '  const last = ledger.end < 0 ? end : ledger.end',
      },
      {
        file: 'voter-compare.ts',
        from: 'closeAt(outbox, ledger, Math.max(theirs.end, endOf(theirs.stored)))',
        to: 'closeAt(outbox, ledger, theirs.end)',
      },
      {
        file: 'retire.ts',
        from: '    const end = Math.max(ledger.end, endOf(stored))',
        to: '    const { end } = ledger',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_291_787, count: 1, faults: ['swarm'] },
      tests: ['core/retire.test.ts'],
    },
  ),
  mutant(
    'handed-over-without-end',
    'A node that stops ends its ledgers before others keep them: it may never come back to do so.',
    [],
    [
      {
        file: 'heal.ts',
        from: '  endOwnLedgers(machine.producer, machine.voter, machine.outbox)\n',
        to: '',
      },
    ],
    { tests: ['core/ends.test.ts'] },
  ),
  mutant(
    'end-told-by-nobody',
    'Where a ledger ends that others keep, its producer tells them until they have written it down.',
    [],
    [
      {
        file: 'tick.ts',
        from: '  tellEnds(machine.voter, machine.outbox, machine.proposer.up)\n',
        to: '',
      },
    ],
    { tests: ['core/ends.test.ts'] },
  ),
  mutant(
    'empty-here-is-over',
    'A ledger without tasks goes only once all of its voters say that they hold none: an old copy may have ended it.',
    [],
    [
      {
        file: 'retire.ts',
        from: '  return bitsIn(others | (1 << index)) === info.voters.length',
        to: '  return bitsIn(others | (1 << index)) > 0',
      },
    ],
    { tests: ['core/ends.test.ts'] },
  ),
  mutant(
    'copy-is-old',
    'A copy is not given up as one of a ledger that all have forgotten before it is as old as that.',
    [],
    [
      {
        file: 'retire.ts',
        from: "  const since = ledger.office === 'observer' ? ledger.since : ledger.openedAt\n",
        to: '  const since = ledger.openedAt\n',
      },
    ],
    { tests: ['core/retire.test.ts'] },
  ),
  mutant(
    'later-collected-untold',
    'Who waits for a task by its first name is told when the outcome of a later generation is not kept any more.',
    [],
    [{ file: 'watch.ts', from: '    tellLater(outbox, from, id, later, waiting.seqs)\n', to: '' }],
    {
      seeds: { first: 9_952_561, count: 1, faults: ['swarm'] },
      tests: ['core/generations.test.ts'],
    },
  ),
]
