import type { AbortOptions } from '@libp2p/interface'

/** Options with that signal, or without one: the two are not the same to libp2p's types. */
export function optionsOf(signal: AbortSignal | undefined): AbortOptions {
  return signal === undefined ? {} : { signal }
}
