import { TriangleAlert } from 'lucide-react'
import { usePageTitle } from '@/environment/title'
import { admin as adminTexts } from '@/strings/admin'
import { KeysView } from '../keys/KeysView'
import { RootKeysScope } from './RootKeysScope'

const words = adminTexts.rootKeys

/** Server Admin → Root API Keys. */
export function RootKeysPage() {
  usePageTitle(words.title)
  return (
    <RootKeysScope>
      <KeysView
        title={words.title}
        subtitle={words.subtitle}
        createLabel={words.create}
        note={
          <div className="mx-4 mt-3.5 flex items-start gap-2.5 rounded-control border border-danger-line bg-danger-soft px-3 py-2 text-13 wide:mx-6">
            <TriangleAlert aria-hidden className="mt-0.5 text-danger" />
            <p>
              <b className="font-semibold">{words.serverWide}</b> {words.serverWideText}
            </p>
          </div>
        }
      />
    </RootKeysScope>
  )
}
