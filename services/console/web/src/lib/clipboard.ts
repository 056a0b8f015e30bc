/** Copies a text. `false` when the browser refuses: the caller then selects the text for the person to copy. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

/** Selects what an element shows, for copying by hand. */
export function selectContents(element: Element) {
  const selection = getSelection()
  const range = document.createRange()
  range.selectNodeContents(element)
  selection?.removeAllRanges()
  selection?.addRange(range)
}

/** Offers a text as a file. */
export function downloadText(name: string, text: string, type: string) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  // The browser has read the blob by then; a revoke at once cancels the download in some.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
