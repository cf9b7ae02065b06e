import type { TestContext } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { muxerOptions } from '../../src/libp2p/host.ts'

export interface Streams {
  readonly near: Stream
  readonly far: Stream
  /** Resolves when so many messages went there and back, so that what can flow has flowed. */
  readonly roundTrips: (count: number) => Promise<void>
}

/** Both ends of a stream, in memory but with the muxer's real windows. */
export async function streamsOf(t: TestContext): Promise<Streams> {
  const [outbound, inbound] = multiaddrConnectionPair()
  const factory = yamux(muxerOptions)()
  const muxers = [factory.createStreamMuxer(inbound), factory.createStreamMuxer(outbound)] as const
  t.after(() => {
    for (const muxer of muxers) muxer.abort(new Error('Test is over'))
  })
  const arrived = Promise.withResolvers<Stream>()
  muxers[0].addEventListener('stream', event => arrived.resolve(event.detail))
  const near = await muxers[1].createStream()
  const far = await arrived.promise
  const roundTrips = async (count: number): Promise<void> => {
    const echoes = echo(muxers[1])
    for (let i = 0; i < count; i++) await echoes()
  }
  return { near, far, roundTrips }
}

function echo(muxer: object): () => Promise<unknown> {
  // The muxer's own ping travels in order with the data of its streams.
  if (!('ping' in muxer) || typeof muxer.ping !== 'function') throw new Error('Muxer has no ping')
  const ping = muxer.ping.bind(muxer) as () => Promise<unknown>
  return () => ping()
}
