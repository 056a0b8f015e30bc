// Runs before the first paint, as a file of its own: chooses the theme that was chosen last, or the system's.
;(function () {
  var root = document.documentElement
  var read = function (name) {
    try {
      return localStorage.getItem(name)
    } catch {
      return null
    }
  }
  var theme = read('claviger.theme')
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'dark' : 'light'
  if (read('claviger.density') === 'compact') root.dataset.density = 'compact'
  if (read('claviger.motion') === 'reduced') root.dataset.motion = 'reduced'
})()
