import { StrictSign } from '@libp2p/gossipsub'
import type { GossipsubOpts } from '@libp2p/gossipsub'

const mebibyte = 1_024 * 1_024

/** How gossipsub is run: one topic, signed by origin, nobody muted for where it is. */
export function gossipOptions(topic: string): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    fallbackToFloodsub: false,
    emitSelf: false,
    doPX: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    batchPublish: true,
    allowedTopics: [topic],
    // Without it the signature of every copy of a message is checked before it is found to be one.
    fastMsgIdFn: ({ from, seqno }) => latin1(from) + latin1(seqno),
    // By default more than ten peers behind one address are scored down until they are silent.
    scoreParams: { IPColocationFactorWeight: 0 },
    // One answer may carry many messages, and a longer one would end the stream for good.
    maxInboundDataLength: 2 * mebibyte,
    maxTopicBytesPerPeer: 16 * 1_024,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    decodeRpcLimits: {
      maxSubscriptions: 64,
      maxMessages: 2_048,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 128,
      maxPeerInfos: 0,
    },
  }
}

function latin1(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return ''
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
