/** The form of our keys: `<prefix>_<environment>_<public id>_<secret><checksum>`. */
const form = /\b([A-Za-z][A-Za-z0-9]{0,15}_(?:prod|stag|dev)_[0-9A-Za-z]{8,40})_[0-9A-Za-z]{24,}\b/

/** Whether a text holds a whole key. */
export const holdsSecret = (text: string) => form.test(text)

/** What of a pasted key may be searched for and stored: everything before its secret part. `null` for any other text. */
export const publicPartOf = (text: string): string | null => form.exec(text)?.[1] ?? null
