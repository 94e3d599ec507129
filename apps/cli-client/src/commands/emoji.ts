/** Short names that texts may use, `:smile:`, and the pictures they stand for. */
const EMOJI: Readonly<Record<string, string>> = {
  smile: '😄',
  grin: '😁',
  joy: '😂',
  laughing: '😆',
  wink: '😉',
  blush: '😊',
  heart_eyes: '😍',
  kiss: '😘',
  thinking: '🤔',
  neutral: '😐',
  sweat: '😅',
  cry: '😢',
  sob: '😭',
  angry: '😠',
  scream: '😱',
  sleeping: '😴',
  cool: '😎',
  party: '🥳',
  shrug: '🤷',
  facepalm: '🤦',
  wave: '👋',
  ok: '👌',
  thumbsup: '👍',
  thumbsdown: '👎',
  clap: '👏',
  pray: '🙏',
  muscle: '💪',
  point_right: '👉',
  point_left: '👈',
  eyes: '👀',
  heart: '❤️',
  broken_heart: '💔',
  fire: '🔥',
  star: '⭐',
  sparkles: '✨',
  tada: '🎉',
  gift: '🎁',
  cake: '🍰',
  beer: '🍺',
  coffee: '☕',
  tea: '🍵',
  pizza: '🍕',
  apple: '🍎',
  dog: '🐶',
  cat: '🐱',
  bug: '🐛',
  turtle: '🐢',
  rocket: '🚀',
  car: '🚗',
  train: '🚆',
  house: '🏠',
  sun: '☀️',
  rain: '🌧️',
  snow: '❄️',
  moon: '🌙',
  zap: '⚡',
  check: '✅',
  cross: '❌',
  warning: '⚠️',
  question: '❓',
  bulb: '💡',
  lock: '🔒',
  key: '🔑',
  mail: '📧',
};

const PAGE = 16;
const ALL = Object.entries(EMOJI);

export const EMOJI_PAGES = Math.ceil(ALL.length / PAGE);

/** The lines of a page, from 1. */
export function emojiPage(page: number): string[] {
  const rows = ALL.slice((page - 1) * PAGE, page * PAGE).map(([name, picture]) => `${picture}  :${name}:`);
  return [...rows, `page ${page} of ${EMOJI_PAGES}; :emoji PAGE shows another, in a text :smile: becomes 😄`];
}

/** Known short names become pictures, all else stays. */
export const withEmoji = (text: string): string =>
  text.replace(/:([a-z_]+):/g, (whole, name: string) =>
    Object.hasOwn(EMOJI, name) ? (EMOJI[name] ?? whole) : whole,
  );
