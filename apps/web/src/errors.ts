import { LANGUAGE } from './words.ts';

/** What the codes of docs/errors.md mean that a person at this page can meet. The server's own words are English. */
export const ZH_ERRORS: Readonly<Record<string, string>> = {
  '3000': '输入有误',
  '5000': '该用户已在别处登录',
  '6000': '操作过于频繁，请稍后再试',
  '7100': '没有可用的服务器，请稍后再试',
  '9100': '用户不存在，或登录信息不正确',
  '9200': '没有这个群组',
  '9201': '您不是此群组的成员',
  '9202': '您在此群组中的角色不允许这样做',
  '9203': '您在此群组中已被禁言',
  '9204': '群组人数已满',
  '9205': '您加入的群组已达上限',
  '9301': '您的设备过多，请先结束其中一台的会话',
  '9401': '会话中没有这条消息',
  '9402': '这条消息不是您发的',
  '9403': '发出超过 24 小时的消息不能撤回',
  '9500': '该用户或地址暂时被限制',
  '9501': '对方已屏蔽您',
  '9502': '对方还有太多您的消息未读',
  '9504': '登录凭证已过期，请重新登录',
};
/** Their text says what was wrong: it stands behind. */
const WITH_DETAIL: ReadonlySet<string> = new Set(['3000']);

/** What went wrong, in the language of the page where it has words for the code, else in those of the server. */
export function problemText(code: unknown, text: string): string {
  const known = LANGUAGE === 'zh' ? ZH_ERRORS[String(code)] : undefined;
  if (known === undefined) return text;
  return WITH_DETAIL.has(String(code)) ? `${known}：${text}` : known;
}

export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return problemText('code' in error ? error.code : undefined, error.message);
}
