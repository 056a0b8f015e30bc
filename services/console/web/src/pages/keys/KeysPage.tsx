import { usePageTitle } from '@/environment/title'
import { PageHead } from '@/kit/PageHead'
import { t } from '@/strings'

export function KeysPage() {
  usePageTitle(t.keys.title)
  return <PageHead title={t.keys.title} subtitle={t.keys.subtitle} />
}
