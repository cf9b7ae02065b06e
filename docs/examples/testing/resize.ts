import { defineTask } from 'meshwork'

export const resize = defineTask('resize', {
  run: async ({ path, width }: { path: string; width: number }, ctx) => {
    ctx.progress(0.5)
    return { path: `${path}.${width}.webp`, bytes: width * 100 }
  },
})

export const inputs = Array.from({ length: 40 }, (_, i) => ({ path: `${i}.jpg`, width: 320 }))
