/*
 * How much a node takes in one piece. Everybody keeps to these limits when it encodes and holds
 * others to them when it decodes, so they are part of the wire version and not options.
 */

const kibibyte = 1024

/**
 * Longest frame of a control stream, in bytes. Room for a full chunk of small tasks and for a
 * handful of the largest; small enough that a frame does not hold up the one behind it, and that
 * a peer can make a node keep no more than this per stream while a frame is incomplete.
 */
export const maxFrameBytes = 512 * kibibyte

/** Longest message of the gossip topic, in bytes: every node of the mesh pays for each of them. */
export const maxHintBytes = 64 * kibibyte

/** Longest journal entry, in bytes: what one frame brought, and the facts that go with it. */
export const maxEntryBytes = maxFrameBytes + 4 * kibibyte

/** Longest payload of a task, in bytes. Larger ones are blobs. */
export const maxPayloadBytes = 64 * kibibyte

/** Longest result, error note or cancel reason, in bytes. Larger results are blobs. */
export const maxResultBytes = 64 * kibibyte

/** Longest line of progress or log, in bytes: it is repeated to every watcher. */
export const maxProgressBytes = 16 * kibibyte

/** Most tasks of one chunk and most values of one group: 1,000 are sent at once, with some room. */
export const maxTasksPerChunk = 1024

/** Most chunks, value groups, refusals or decided ranges of a message: one for each of its tasks. */
export const maxGroupsPerMessage = 1024

/**
 * Most nested messages in one frame, so that a frame of empty ones costs no more to take apart
 * than an honest one. A session with 4,096 leases has two for each of them.
 */
export const maxPartsPerFrame = 16_384

/** Most runs of one set of sequence numbers. Two such sets, as in COMPARE, fit in a frame. */
export const maxRangesPerSet = 16_384

/** Every sequence number is below this, so that `first + count` stays a small integer. */
export const maxSeq = 2 ** 31

/** Largest counter, epoch, claim id or other plain number. */
export const maxUint32 = 2 ** 32 - 1

/** Most leases that one beat of a session confirms, lists or loses. */
export const maxLeasesPerMessage = 4096

/** Most voters of a ledger. A majority of seven survives three failures. */
export const maxVoters = 7

/** Most generations of a task. */
export const maxGeneration = 1_000_000

/** Most multiaddrs of one peer. */
export const maxAddresses = 32

/** Most peers that a HELLO lists. */
export const maxPeers = 512

/** Most queues of one node. */
export const maxQueues = 256

/** Most task classes in a claim or of a ledger's backlog. */
export const maxClasses = 256

/** Most ledgers in one answer to SYNC. */
export const maxLedgersPerMessage = 1024

/** Most hints of one message of the gossip topic. */
export const maxHintsPerFrame = 256

/** Longest peer id, in bytes of its text form: 52 for Ed25519, 59 at most for others today. */
export const maxPeerIdBytes = 128

/** Longest node id, in bytes: a peer id, a dot and 16 hex digits. */
export const maxNodeIdBytes = maxPeerIdBytes + 17

/** Longest multiaddr, in bytes of its text form. */
export const maxAddressBytes = 512

/** Longest name of a queue, in bytes of UTF-8. */
export const maxQueueBytes = 256

/** Longest label set, in bytes of UTF-8. */
export const maxLabelsBytes = 1024

/** Longest key of a task, in bytes of UTF-8. */
export const maxKeyBytes = 256

/** Longest other string, such as a request id or a reason, in bytes of UTF-8. */
export const maxStringBytes = 256

/** Priorities are within plus and minus this. */
export const maxPriority = 1_000_000

/** Largest duration or time, in milliseconds: what a Date can hold. */
export const maxMs = 8_640_000_000_000_000
