import type { Mutant, Patch } from './mutant.ts'

function mutant(
  name: string,
  rule: string,
  shapes: readonly string[],
  patches: readonly Patch[],
  more: Partial<Mutant> = {},
): Mutant {
  return { name, rule, shapes, patches, quick: true, ...more }
}

const regrant: Patch = {
  file: 'voter-claim.ts',
  from: '    if (live && !sameBallot(acceptedAt(ledger, page, slot), ballot)) pushRun(verdict.again, seq, 1)',
  to: '    if (live || true) pushRun(verdict.again, seq, 1)',
}

const sameStart: Patch = {
  file: 'state.ts',
  from: 'proposer: createProposer({ self: peer, node, ',
  to: "proposer: createProposer({ self: peer, node: nodeId(peer, '0'), ",
}

/** Bugs in the rules of voters and proposers. */
export const mutants: readonly Mutant[] = [
  mutant(
    'grant-equal-counter',
    'A ballot is promised only above the promised counter.',
    ['tie'],
    [
      {
        file: 'voter-claim.ts',
        from: "  if (ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
        to: "  if (ballot.counter < promised) return refuse(verdict, 'behind', 0, promised, one)",
      },
    ],
    { quick: false },
  ),
  mutant(
    'cancel-passes-promise',
    'A cancel passes through leases, never through promises.',
    ['cancel'],
    [
      {
        file: 'voter-claim.ts',
        from: "  if (ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
        to: "  if (run && ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
      },
    ],
  ),
  mutant(
    'regrant',
    'The same ballot is granted again only while its lease lives and nothing is accepted at it.',
    ['repeats', 'worker-restart-leases'],
    [regrant],
    {
      quick: false,
      guarded: 'No ballot is drawn twice, and a proposer counts answers only while it asks.',
    },
  ),
  mutant(
    'one-ballot-of-two-starts',
    'A ballot names the process start that drew it: another start never draws it again.',
    ['worker-restart-leases'],
    [sameStart],
    {
      quick: false,
      guarded:
        'HELLO ends the leases of earlier starts, and so no ballot of them is granted again.',
    },
  ),
  mutant(
    'one-ballot-granted-to-two-starts',
    'Neither is a ballot drawn twice, nor granted twice when its lease is over.',
    ['worker-restart'],
    [sameStart, regrant],
  ),
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
    'accept-lower',
    'A value is accepted only at the promised ballot or at a higher counter.',
    ['overtake'],
    [
      {
        file: 'voter-settle.ts',
        from: '      ballot.counter > (page.promised[slot] as number) ||',
        to: '      ballot.counter > 0 ||',
      },
    ],
  ),
  mutant(
    'accept-without-promise',
    'To accept a ballot is to promise it.',
    ['overtake'],
    [
      {
        file: 'voter-settle.ts',
        from: '    page.promised[slot] = ballot.counter\n    page.promisedBy[slot] = proposer\n',
        to: '',
      },
    ],
  ),
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
        from: "    return refuse(verdict, 'missing', 0, 0, one)",
        to: '    return pushRun(verdict.again, seq, 1)',
      },
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
    'claim-by-one',
    'Held is what a majority has granted.',
    ['tie', 'overtake'],
    [
      {
        file: 'ask.ts',
        from: '      ? tally(claiming, claiming.grants[at] as number, claiming.refusals[at] as number)',
        to: "      ? (claiming.grants[at] === 0 ? 'open' : 'won')",
      },
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
    'win-twice',
    'One ballot carries one value: a claim is won once, later grants change nothing.',
    ['leases'],
    [
      {
        file: 'ask.ts',
        from: '    claiming.phase[at] === ASKING\n      ? tally',
        to: '    claiming.phase[at] === ASKING || claiming.phase[at] === 3\n      ? tally',
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
        from: '    if (page.state[slot] === ABSENT) {',
        to: '    if (page.state[slot] !== OPEN) {',
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
    'grant-to-another-start',
    'A grant counts only for the very ballot that was asked for.',
    ['worker-restart'],
    [
      {
        file: 'ask.ts',
        from: '!sameBallot(claiming.ballot, claimed.ballot)',
        to: 'claiming.ballot.counter !== claimed.ballot.counter',
      },
    ],
    {
      quick: false,
      guarded: 'A promise of one counter keeps everything below out, whichever start it is for.',
    },
  ),
  mutant(
    'accept-of-another-start',
    'An accept counts only for the very ballot that was settled.',
    ['worker-restart'],
    [
      {
        file: 'settle.ts',
        from: '  if (claiming === undefined || accepted.ballot.proposer !== proposer.node) return',
        to: '  if (claiming === undefined) return',
      },
    ],
    {
      quick: false,
      guarded: 'Two starts never both have a majority for one counter.',
    },
  ),
  mutant(
    'rolled-back-voter-votes',
    'A voter whose journal ends before what others have seen of it is out of office.',
    [],
    [
      {
        file: 'peering.ts',
        from: '  if (echoStorageId === init.storageId && echoLsn > seen) {',
        to: '  if (echoStorageId === init.storageId && echoLsn > Infinity) {',
      },
    ],
    { seeds: { count: 60, faults: ['rollbacks'] } },
  ),
]
