import type { RunInput } from './requests.ts'

/** Commands and their files that are told together: far less than a message may have. */
const batchWeightMax = 1_000

/** What follows a request, in batches that are not too long. */
export async function* inBatches(
  inputs: AsyncIterable<readonly RunInput[]>,
): AsyncGenerator<readonly RunInput[]> {
  for await (const all of inputs) {
    let batch: RunInput[] = []
    let weight = 0
    for (const input of all) {
      const more = input.type === 'command' ? 1 + input.send.length + input.return.length : 0
      if (batch.length > 0 && weight + more > batchWeightMax) {
        yield batch
        batch = []
        weight = 0
      }
      batch.push(input)
      weight += more
    }
    yield batch
  }
}
