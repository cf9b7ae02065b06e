import { type Mutant, mutant } from './mutant.ts'

/** Bugs in what has to be durable before it is said or counted, and in what a restart makes of it. */
export const durabilityMutants: readonly Mutant[] = [
  mutant(
    'no-mark',
    'After a restart every open register stands promised at the ledger’s mark.',
    ['voter-crash'],
    [
      {
        file: 'recovery.ts',
        from: '      page.promised[slot] = ledger.mark\n      page.promisedBy[slot] = 0',
        to: '      page.promised[slot] = accepted\n      page.promisedBy[slot] = page.acceptedBy[slot] as number',
      },
    ],
    { quick: false },
  ),
  mutant(
    'reserve-not-awaited',
    'A promise leaves only when the counters up to it are durably reserved.',
    ['voter-crash'],
    [
      {
        file: 'voter-claim.ts',
        from: '    Math.max(ledger.markLsn, recordLsn(ledger, granted)),',
        to: '    recordLsn(ledger, granted),',
      },
    ],
    { quick: false },
  ),
  mutant(
    'reserve-not-written',
    'Counters are reserved in the journal.',
    ['voter-crash'],
    [
      {
        file: 'voter-claim.ts',
        from: "  ledger.markLsn = persist(outbox, { type: 'reserved', ledger: id, mark: ledger.mark })",
        to: '  ledger.markLsn = id === undefined ? 0 : outbox.lsn',
      },
    ],
    { quick: false },
  ),
  mutant(
    'mark-below-accept',
    'After a restart nothing below an accepted ballot is promised.',
    ['voter-crash'],
    [
      {
        file: 'recovery.ts',
        from: '    if (accepted > ledger.mark) {',
        to: '    if (accepted < 0) {',
      },
    ],
  ),
  mutant(
    'accepted-not-awaited',
    'ACCEPTED leaves only when the accept is durable.',
    ['voter-crash'],
    [{ file: 'voter-settle.ts', from: '    given.length > 0 ? lsn : 0,', to: '    0,' }],
  ),
  mutant(
    'accept-not-written',
    'An accept is in the journal.',
    ['voter-forgets'],
    [
      {
        file: 'recovery.ts',
        from: '    page.accepted[slot] = ballot.counter\n    page.acceptedBy[slot] = by\n    voter.bytes -= setValue(ledger, page, slot, index)',
        to: '    if (index < 0) voter.bytes -= setValue(ledger, page, slot, index)',
      },
    ],
    { quick: false },
  ),
  mutant(
    'own-evidence-too-early',
    'A voter counts its own accept once it is durable.',
    ['evidence'],
    [
      {
        file: 'voter.ts',
        from: '    if (evidence.ownLsn > outbox.durable || evidence.peerLsn > theirs) {',
        to: '    if (evidence.peerLsn > theirs) {',
      },
    ],
  ),
  mutant(
    'their-evidence-too-early',
    'The accept of a worker that votes counts once its disk is seen to be that far.',
    ['voting-worker'],
    [
      {
        file: 'voter.ts',
        from: '    if (evidence.ownLsn > outbox.durable || evidence.peerLsn > theirs) {',
        to: '    if (evidence.ownLsn > outbox.durable) {',
      },
    ],
  ),
  mutant(
    'evidence-of-another-start',
    'What a later start writes under the same number is not the accept.',
    ['voting-worker'],
    [
      {
        file: 'machine.ts',
        from: '  if (known?.node !== node) return undefined',
        to: '  if (known === undefined) return undefined',
      },
    ],
  ),
  mutant(
    'evidence-for-all-tasks',
    'The accept of a worker that votes counts only for the tasks that it has accepted.',
    ['batch'],
    [
      {
        file: 'settle.ts',
        from: '  return accepted === tasks ? outbox.lsn : 0',
        to: '  return accepted > 0 && tasks > 0 ? outbox.lsn : 0',
      },
    ],
  ),
  mutant(
    'key-not-written',
    'A key is written down with its task, before anything is sent.',
    [],
    [
      {
        file: 'route.ts',
        from: "  const origin = key === undefined ? undefined : { guest: init.peer, request: '', key }",
        to: '  const origin = undefined',
      },
    ],
    { seeds: { count: 20, faults: ['crashes'] } },
  ),
  mutant(
    'rolled-back-voter-votes',
    'A voter whose journal ends before what others have seen of it is out of office.',
    [],
    [
      {
        file: 'peering.ts',
        from: '  if (seenLsn > machine.replayLsn) {',
        to: '  if (seenLsn > Infinity) {',
      },
    ],
    { seeds: { first: 67, count: 150, faults: ['rollbacks'] } },
  ),
  mutant(
    'retry-at-once-after-restart',
    'What has failed waits as long after a restart as before, whichever epoch it failed in.',
    [],
    [
      {
        file: 'ledger.ts',
        from: '    if (dueAt > now) ledger.retryAt.set(seq, dueAt)\n    else ledger',
        to: '    ledger',
      },
    ],
    { tests: ['core/recovery.test.ts'] },
  ),
  mutant(
    'restart-ends-block',
    'What blocks new holders goes on through a restart.',
    [],
    [
      {
        file: 'recovery.ts',
        from: 'const blockedUntil = intact ? voter.blockedUntil : ',
        to: 'const blockedUntil = intact ? 0 : ',
      },
    ],
    { tests: ['core/recovery.test.ts'] },
  ),
  mutant(
    'echo-of-any-start',
    'What a peer has seen of this journal is compared with where it ended at the start, not where it ends now.',
    [],
    [
      {
        file: 'peering.ts',
        from: "  const own = echoIncarnation === '' && ",
        to: '  const own = ',
      },
    ],
    { tests: ['core/peering.test.ts'] },
  ),
  mutant(
    'record-before-durable',
    'A record leaves its producer only once it is durable there.',
    [],
    [
      {
        file: 'claim-records.ts',
        from: '  return held === undefined ? 0 : recordLsn(held, seqs)',
        to: '  return 0',
      },
      {
        file: 'storing.ts',
        from: '{ ...store, grant }, own ? 0 : lsn)',
        to: '{ ...store, grant }, 0)',
      },
    ],
    {
      quick: false,
      seeds: { count: 150, faults: ['outages', 'slow-disks'] },
      tests: ['core/record-durability.test.ts'],
    },
  ),
]
