import { mutant, type Mutant } from './mutant.ts'

/** Bugs in leases, in what is counted, and in how ledgers and tasks come to be. */
export const leaseMutants: readonly Mutant[] = [
  mutant(
    'lease-from-receipt',
    'A lease is timed from when it was asked for, not from when the answer came.',
    [],
    [
      {
        file: 'renew.ts',
        from: '    const until = waiting.sentAt + renewed.leaseMs * 0.98',
        to: '    const until = now + renewed.leaseMs * 0.98',
      },
    ],
    {
      ...{ quick: false, tests: ['core/renew.test.ts'] },
      seeds: { first: 9_860_500, count: 200, faults: ['partitions', 'delays', 'flaps'] },
    },
  ),
  mutant(
    'no-release',
    'Who has not won gives back at once what it was granted.',
    [],
    [
      {
        file: 'ask.ts',
        from: "  if (intent === 'run') {\n    release(outbox, claiming, seqs)\n",
        to: "  if (intent === 'run') {\n",
      },
    ],
    { quick: false, seeds: { count: 150, faults: ['network'] } },
  ),
  mutant(
    'deliveries-not-counted',
    'The voters count what was started, since a dead worker cannot.',
    [],
    [
      {
        file: 'voter-claim.ts',
        from: '    if (run) page.grants[slot] = (page.grants[slot] as number) + 1',
        to: '    if (run) page.grants[slot] = 1',
      },
    ],
    { tests: ['core/voter-claim.test.ts'] },
  ),
  mutant(
    'publish-by-one',
    'A task is published when a majority holds it.',
    [],
    [
      {
        file: 'storing.ts',
        from: '    const needed = Math.max(majorityOf(info.voters.length), storing.copies)',
        to: '    const needed = Math.max(majorityOf(1), storing.copies)',
      },
    ],
    { seeds: { count: 10, faults: ['none'] } },
  ),
  mutant(
    'fewer-copies',
    'A task is published when as many voters hold it as were asked for.',
    [],
    [
      {
        file: 'storing.ts',
        from: '    const needed = Math.max(majorityOf(info.voters.length), storing.copies)',
        to: '    const needed = majorityOf(info.voters.length)',
      },
    ],
    { seeds: { count: 20, faults: ['none'] } },
  ),
  mutant(
    'numbers-again',
    'Each start of a process opens a ledger of its own: no number is given twice.',
    [],
    [
      {
        file: 'producer.ts',
        from: '  const ledger = nextId(producer.random)',
        to: "  const ledger = `${nextId(producer.random).slice(0, 0)}${producer.self.peer.charCodeAt(1)}`.padStart(32, 'a')",
      },
    ],
    { seeds: { count: 20, faults: ['crashes'] } },
  ),
  mutant(
    'overtaken-counted',
    'What a cancel has overtaken before it was won is given back, too.',
    [],
    [
      {
        file: 'renew.ts',
        from: '      if (phase === ASKING) claiming.doubtful |= 1 << v',
        to: '',
      },
    ],
    {
      quick: false,
      seeds: { first: 6_000_735, count: 1, faults: ['swarm'] },
      tests: ['core/renew.test.ts'],
    },
  ),
  mutant(
    'waits-where-it-was',
    'A worker asks all others in their turn, too, not only voters that have had tasks.',
    [],
    [
      {
        file: 'announce.ts',
        from: 'new Set([peers[announce.syncNext]?.peer, busy])',
        to: 'new Set([busy ?? peers[announce.syncNext]?.peer])',
      },
    ],
    { tests: ['core/waiting.test.ts'] },
  ),
]
