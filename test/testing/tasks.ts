import { defineTask } from '../../src/index.ts'

/** A handler that does nothing to speak of. */
export const resize = defineTask('resize', {
  run: async ({ width }: { path: string; width: number }) => ({ bytes: width * 2 }),
})

/** Inputs of `resize`. */
export function inputsOf(count: number): { path: string; width: number }[] {
  return Array.from({ length: count }, (_, width) => ({ path: `${width}.jpg`, width }))
}
