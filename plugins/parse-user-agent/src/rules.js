// What stands in a user agent's text, and what it means. Rules are tried from the top, and the first that fits counts:
// most products carry the names of those that they want to be taken for, so the more particular one stands higher.
// Where a rule has a group, the group is the version.

/** Robots: programs that fetch without a person. [pattern, name] */
export const BOTS = [
  [/Googlebot(?:-Image|-News|-Video)?\/?([\d.]*)/, 'Googlebot'],
  [/AdsBot-Google/, 'AdsBot-Google'],
  [/bingbot\/([\d.]+)/i, 'Bingbot'],
  [/YandexBot\/([\d.]+)/, 'YandexBot'],
  [/DuckDuckBot(?:-Https)?\/([\d.]+)/, 'DuckDuckBot'],
  [/Baiduspider(?:-render)?\/?([\d.]*)/, 'Baiduspider'],
  [/Applebot\/([\d.]+)/, 'Applebot'],
  [/GPTBot\/([\d.]+)/, 'GPTBot'],
  [/ClaudeBot\/([\d.]+)/, 'ClaudeBot'],
  [/AhrefsBot\/([\d.]+)/, 'AhrefsBot'],
  [/SemrushBot\/?([\d.]*)/, 'SemrushBot'],
  [/facebookexternalhit\/([\d.]+)/, 'Facebook'],
  [/Twitterbot\/([\d.]+)/, 'Twitterbot'],
  [/Slackbot(?:-LinkExpanding)?[ /]([\d.]+)/, 'Slackbot'],
  [/HeadlessChrome\/([\d.]+)/, 'Headless Chrome'],
  [/^curl\/([\d.]+)/, 'curl'],
  [/^Wget\/([\d.]+)/, 'Wget'],
  [/python-requests\/([\d.]+)/, 'python-requests'],
  [/Go-http-client\/([\d.]+)/, 'Go-http-client'],
  [/okhttp\/([\d.]+)/, 'okhttp'],
  [/(?:bot|crawler|spider|crawling)\b/i, 'other bot'],
];

/** Browsers. */
export const BROWSERS = [
  [/(?:Edge|Edg|EdgA|EdgiOS)\/([\d.]+)/, 'Edge'],
  [/(?:OPR|OPT|OPiOS)\/([\d.]+)/, 'Opera'],
  [/Opera Mini\/([\d.]+)/, 'Opera Mini'],
  [/SamsungBrowser\/([\d.]+)/, 'Samsung Internet'],
  [/Vivaldi\/([\d.]+)/, 'Vivaldi'],
  [/YaBrowser\/([\d.]+)/, 'Yandex Browser'],
  [/UC ?Browser\/([\d.]+)/, 'UC Browser'],
  [/DuckDuckGo\/([\d.]+)/, 'DuckDuckGo'],
  [/(?:Firefox|FxiOS)\/([\d.]+)/, 'Firefox'],
  [/(?:Chrome|CriOS|Chromium)\/([\d.]+)/, 'Chrome'],
  [/(?:MSIE |Trident\/.*rv:)([\d.]+)/, 'Internet Explorer'],
  [/Version\/([\d.]+).*Safari\//, 'Safari'],
  [/Android.*Version\/([\d.]+)/, 'Android Browser'],
];

/** Operating systems. */
export const SYSTEMS = [
  [/Windows Phone(?: OS)? ([\d.]+)/, 'Windows Phone'],
  [/Windows NT ([\d.]+)/, 'Windows'],
  [/(?:iPhone|iPad|iPod).*? OS ([\d_]+)/, 'iOS'],
  [/Android ([\d.]+)/, 'Android'],
  [/Android/, 'Android'],
  [/(?:Tizen|TIZEN)[ /]([\d.]+)/, 'Tizen'],
  [/Web0S|webOS/, 'webOS'],
  [/CrOS \S+ ([\d.]+)/, 'ChromeOS'],
  [/Mac OS X ([\d._]+)/, 'macOS'],
  [/Ubuntu|Fedora|Linux/, 'Linux'],
];

/** Kinds of device. Android says `Mobile` on phones and leaves it out on tablets; Safari on an iPad may say that it is
 * a Mac, and nothing in its text tells them apart. */
export const DEVICES = [
  [/SmartTV|SMART-TV|Smart-TV|Web0S|AppleTV|GoogleTV|BRAVIA|\bTV\b/, 'tv'],
  [/iPad|Tablet|Kindle|Silk\//, 'tablet'],
  [/Windows Phone|iPhone|iPod|Mobile/, 'phone'],
  [/Android/, 'tablet'],
  [/Windows NT|Macintosh|CrOS|X11|Linux/, 'desktop'],
];
