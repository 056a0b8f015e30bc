import type { Receipt } from '@/client/types.gen'
import { t } from '@/strings'

/** What the server says of how far a change that takes power away has reached. */
export function receiptText(receipt: Receipt | null | undefined): string {
  if (!receipt) return ''
  const words = t.keys.confirm
  const applied = receipt.replicas.filter(({ is_applied }) => is_applied).length
  if (receipt.replicas.length > 0) return words.receipt(applied, receipt.replicas.length)
  return receipt.effective_within_ms === 0 ? words.receiptNow : words.receiptBound(receipt.effective_within_ms)
}
