export const echo = input => input
