/** Longest wait for anything, in milliseconds. */
const patienceMs = 20_000

/** Resolves once a condition holds, or rejects after the longest wait. */
export async function until(
  condition: () => boolean,
  what: string,
  looks = new Set<() => void>(),
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = (): void => {
    if (condition()) resolve()
  }
  const often = setInterval(look, 10)
  const limit = setTimeout(() => reject(new Error(`Not in time: ${what}`)), patienceMs)
  looks.add(look)
  look()
  try {
    await promise
  } finally {
    clearInterval(often)
    clearTimeout(limit)
    looks.delete(look)
  }
}
