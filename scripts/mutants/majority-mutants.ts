import { type Mutant, mutant, type Patch } from './mutant.ts'

/** A claim is won, and begins to run, whether a majority leases its tasks or not. */
const deadlineless: Patch = {
  file: 'win.ts',
  from: '  const late = overdueIn(claiming, FETCHING, now)',
  to: '  const late = overdueIn(claiming, FETCHING, -Infinity)',
}

/** Bugs in what is won, settled and decided by a majority. */
export const majorityMutants: readonly Mutant[] = [
  mutant(
    'base-is-any',
    'The base is the value of the highest accepted ballot, not any that was seen.',
    ['cancel', 'three'],
    [
      {
        file: 'ask.ts',
        from: '      if (base === undefined || accepted.ballot.counter > base.ballot.counter) {',
        to: '      if (base === undefined) {',
      },
    ],
    { quick: false },
  ),
  mutant(
    'ignore-base',
    'An outcome among the grants is settled as it is.',
    ['cancel-once'],
    [
      {
        file: 'win.ts',
        from: '    if (base !== undefined && isTerminal(base.values)) pushRun(final, seq, 1)',
        to: '    if (base === null) pushRun(final, seq, 1)',
      },
    ],
  ),
  mutant(
    'missing-is-a-promise',
    'MISSING is not a promise.',
    ['late-record'],
    [
      {
        file: 'ask.ts',
        from: '  noteGrants(claiming, v, claimed)\n',
        to: "  const lacks = claimed.refused.some(({ reason }) => reason === 'missing')\n  noteGrants(claiming, v, lacks ? { ...claimed, granted: claiming.seqs } : claimed)\n",
      },
    ],
  ),
  mutant(
    'unknown-promises',
    'Unknown is not blank: only a register that is held can promise.',
    ['late-record'],
    [
      {
        file: 'voter-claim.ts',
        from: "  if (state === ABSENT) return refuse(verdict, 'missing', 0, 0, one)",
        to: '  if (state === ABSENT) return pushRun(verdict.again, seq, 1)',
      },
      // The holder's deadline is no majority's, either, and would keep it from running.
      deadlineless,
    ],
  ),
  mutant(
    'direct-without-votes',
    'What a producer has claimed for a worker is won by a majority of grants, like any claim.',
    ['direct-contest'],
    [
      {
        file: 'direct-claim.ts',
        from: '  proposer.claims.set(claiming.id, claiming)\n',
        to: '  proposer.claims.set(claiming.id, claiming)\n  claiming.grants.fill(7)\n',
      },
    ],
    { quick: false },
  ),
  mutant(
    'decide-by-one',
    'Decided is what a majority has accepted.',
    ['tie'],
    [
      {
        file: 'settle.ts',
        from: '    const verdict = tally(claiming, accepts, against)',
        to: "    const verdict = accepts === 0 && against >= 0 ? 'open' : 'won'",
      },
    ],
  ),
  mutant(
    'accept-told-as-outcome',
    'A producer that votes tells its user what is decided, not what it has accepted.',
    [],
    [
      {
        file: 'voter-settle.ts',
        from: '    const { seqs, kind } = values\n',
        to: '    const { seqs, kind } = values\n    if (peerOf(ledger.info.producer) === voter.peer) voter.decisions.push({ ledger: id, values, late: true })\n',
      },
    ],
    { seeds: { count: 20, faults: ['swarm'] } },
  ),
  mutant(
    'decided-with-its-claim',
    'Of the tasks of a claim only those are told decided that a majority has accepted.',
    ['apart'],
    [
      {
        file: 'settle.ts',
        from: '      const both = intersect(values.seqs, seqs)\n',
        to: '      const both = values.seqs\n',
      },
    ],
  ),
  mutant(
    'claim-by-one',
    'Held is what a majority has granted.',
    ['tie', 'overtake'],
    [
      {
        file: 'ask.ts',
        from: '      ? tally(claiming, claiming.grants[at] as number, claiming.refusals[at] as number)',
        to: "      ? (claiming.grants[at] === 0 ? 'open' : 'won')",
      },
      // The holder's deadline is no majority's, either, and would keep it from running.
      deadlineless,
    ],
  ),
  mutant(
    'majority-of-two',
    'A majority of three is two.',
    ['tie', 'overtake'],
    [
      {
        file: 'quorum.ts',
        from: '  return (voters >>> 1) + 1',
        to: '  return voters >>> 1',
      },
    ],
  ),
  mutant(
    'reopened-by-store',
    'A settled register is never opened again by a STORE.',
    ['reopen'],
    [
      {
        file: 'voter-store.ts',
        from: '    let lacking = subtract(asked, ledger.stored)',
        to: '    let lacking = [...asked]',
      },
      {
        file: 'voter-store.ts',
        from: '    if (stateAt(ledger, seq) === ABSENT) {',
        to: '    if (stateAt(ledger, seq) !== OPEN) {',
      },
    ],
  ),
  mutant(
    'finish-what-is-open',
    'Who finishes an outcome and finds none stops.',
    ['finish-or-retry'],
    [
      {
        file: 'win.ts',
        from: '      return drop(proposer, claiming, open)',
        to: "      return settleFailed(proposer, outbox, claiming, open, 'deliveries', now)",
      },
    ],
    { quick: false },
  ),
  mutant(
    'settle-what-is-there',
    'A voter settles the decided value, not another of the same kind that it has.',
    ['decisions'],
    [
      {
        file: 'voter.ts',
        from: '  return sameBallot(accepted, outcome.ballot) || accepted.counter > outcome.ballot.counter',
        to: '  return accepted.counter > 0',
      },
    ],
  ),
  mutant(
    'used-before-open',
    'A ledger takes tasks once all of its voters have taken up their office.',
    [],
    [
      {
        file: 'producer.ts',
        from: '  if (bitsIn(next.opened) < next.info.voters.length) return',
        to: '  if (bitsIn(next.opened) < 1) return',
      },
    ],
    { seeds: { count: 60, faults: ['network'] } },
  ),
  mutant(
    'renew-on-one-ack',
    'A holder believes in its lease as long as a majority does, not one voter.',
    [],
    [
      {
        file: 'claim.ts',
        from: '  const until = largest(claiming.until, grants, majorityOf(claiming.until.length))',
        to: '  const until = largest(claiming.until, grants, 1)',
      },
    ],
    { quick: false, seeds: { count: 300, faults: ['partitions'] } },
  ),
  mutant(
    'attempts-in-worker',
    'Failures are counted in the register, whoever has run the task.',
    [],
    [
      {
        file: 'settle.ts',
        from: '  const failures = part.failures + 1',
        to: '  const failures = 1',
      },
    ],
    { seeds: { count: 60, faults: ['network'] } },
  ),
]
