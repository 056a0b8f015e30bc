import { counted } from '@/lib/numbers'

export const overview = {
  title: 'Overview',
  attention: 'Needs attention',
  attentionFailed: (name: string) => `${name} could not be looked through`,
  nothing: 'Nothing needs attention.',
  expires: (name: string, when: string) => `${name} expires ${when}`,
  lastUsed: (when: string) => `last used ${when}`,
  neverUsed: 'never used',
  idle: (count: number) => `${counted(count, 'key')} idle for 90 days or more`,
  moreExpiring: (count: number) => `${counted(count, 'more key')} ${count === 1 ? 'expires' : 'expire'} within 14 days`,
  without: (count: number) => `${counted(count, 'member')} without a second factor`,
  ownFactor: (name: string) => `${name} asks for a second factor`,
  ownFactorText: 'You have none yet. Set one up to go on working here.',
  waiting: (count: number) => `${counted(count, 'sign-in')} from a new device ${count === 1 ? 'waits' : 'wait'} for approval`,
  failedSetUp: 'This environment could not be set up',
  noOwnUse: 'No key has been used yet',
  inEnvironment: (count: string, name: string) => `${count} in ${name}`,
  actions: { extend: 'Extend', review: 'Review', setUp: 'Set up', open: 'Open' },
  showMore: (count: number) => `Show ${count} more`,

  steps: {
    title: 'First steps',
    of: (done: number, all: number) => `${done} of ${all}`,
    hide: 'Hide the first steps',
    create: 'Create a key',
    createText: 'It says what a program may do, from where and until when.',
    createAction: 'Create API Key',
    send: 'Send a request',
    sendText: 'Ask the API who the key is. Put the key in place of $CLAVIGER_KEY.',
    see: 'See what it did',
    seeText: 'The key’s page shows when and from where it was used.',
    seeAction: 'Open the key',
    done: 'done',
  },

  baseUrls: 'Base URLs',
  copyUrl: (name: string) => `Copy the base URL of ${name}`,

  recent: 'Recent actions',
  recentFailed: 'The recent actions could not be loaded',
  noActions: 'No actions yet.',
}
