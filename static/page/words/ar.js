/**
 * العربية الفصحى. كُتبت الأزرار بالمصادر، فلا تخاطب مذكرًا ولا مؤنثًا.
 * @module
 */

import { count, formOf, hash, list, number, say } from "../words.js";

/** @import { FirstWords, Forms } from "../words.js" */

/**
 * The six forms of a word, by Arabic's categories of numbers; `#` is the number.
 * @type {(zero: string, one: string, two: string, few: string, many: string, other: string) => Forms}
 */
const forms = (zero, one, two, few, many, other) => ({ zero, one, two, few, many, other });

const NEW_MESSAGES = forms(
  "لا رسائل جديدة",
  "رسالة جديدة واحدة",
  "رسالتان جديدتان",
  "# رسائل جديدة",
  "# رسالة جديدة",
  "# رسالة جديدة",
);
const CHARACTERS = forms("لا حروف", "حرف واحد", "حرفان", "# أحرف", "# حرفًا", "# حرف");
const SECONDS = forms("أقل من ثانية", "ثانية واحدة", "ثانيتين", "# ثوانٍ", "# ثانية", "# ثانية");

/** @param {string | null} room */
const entered = (room) => (room === null ? "هذه الدردشة" : hash(room));

/** @type {FirstWords} */
export const words = {
  shell: {
    app: "Parley",
    name: "اسمك",
    room: "الغرفة",
    enter: "دخول الغرفة",
    or: "أو",
    signIn: "تسجيل الدخول",
    signOut: "تسجيل الخروج",
    refuse: "لست أنا",
    cancel: "إلغاء",
    rooms: "الغرف",
    closeRooms: "إغلاق قائمة الغرف",
    joinAnother: "دخول غرفة أخرى",
    joinThis: "دخول هذه الغرفة",
    moreRooms: "غرف أخرى",
    rename: "تغيير اسمك",
    settings: "المظهر واللغة",
    openRooms: "إظهار قائمة الغرف",
    switch: "الانتقال إلى غرفة",
    messages: "الرسائل",
    firstUnread: "الانتقال إلى أول رسالة جديدة",
    editing: "تعديل رسالتك",
    message: "الرسالة",
    send: "إرسال",
    emoji: "رمز تعبيري",
    suggestions: "اقتراحات",
    people: "الأشخاص",
    peopleHere: "الأشخاص في هذه الغرفة",
    closePeople: "إغلاق قائمة الأشخاص",
    lately: "كتبوا مؤخرًا وليسوا هنا",
    notices: "تنبيهات",
    about: "عن هذه الغرفة:",
  },

  entrance: {
    guest: "اختيار اسم يكفي للدخول.",
    stranger: "هذه الدردشة لمن لديهم حساب.",
    elsewhere: "هذه الدردشة لمن لديهم حساب. يمكن فتحها من الموقع الذي فيه حسابك.",
    account: (name) => say`تم تسجيل دخولك باسم ${name}.`,
    asked: (name) => say`أتى بك رابط للدخول باسم ${name}، لكن هذا المتصفح يعرف شخصًا آخر.`,
    accept: (name) => say`الدخول باسم ${name}`,
    expired: "تم تسجيل خروجك: انتهت صلاحية تسجيل دخولك.",
    noName: "يلزم إدخال اسم.",
    nameTaken: "هذا الاسم لشخص موجود هنا الآن.",
    unreachable: "تعذّر الوصول إلى الخدمة. يمكنك المحاولة مجددًا.",
    noRoom: "يلزم إدخال اسم غرفة.",
    roomRule: say`لا يحوي اسم الغرفة سوى ${"a–z"} و${"0–9"} و${"-"} و${"_"}، ويبدأ بحرف أو رقم.`,
  },

  states: {
    connecting: "جارٍ الاتصال…",
    open: "متصل",
    restarting: "إعادة تشغيل…",
    unreachable: "لا اتصال",
    buffered: "لا اتصال",
    offline: "غير متصل",
    full: "انتظار…",
    crowded: "انتظار…",
    unavailable: "انتظار…",
    rateLimited: "انتظار…",
    nameTaken: "انتظار…",
    removed: "تم الإخراج",
    banned: "الدخول محظور",
    signedOut: "تم تسجيل الخروج",
    expired: "تم تسجيل الخروج",
    forbidden: "انقطع الاتصال",
    ended: "انقطع الاتصال",
  },

  standing: {
    connected: "تم الاتصال.",
    connecting: "جارٍ الاتصال…",
    restarting: "يُعاد تشغيل الخدمة.",
    unreachable: "تعذّر الوصول إلى الخدمة.",
    buffered: "هناك ما يحجز ردود الخدمة في الطريق.",
    offline: "أنت غير متصل: لا شبكة لدى هذا الجهاز.",
    full: "الخدمة ممتلئة.",
    crowded: "لديك اتصالات مفتوحة كثيرة جدًا.",
    unavailable: "لا تستطيع الخدمة استقبال أحد الآن.",
    rateLimited: "جرت محاولات كثيرة جدًا من هنا.",
    nameTaken: "اسمك لدى شخص موجود هنا الآن.",
    removed: (room, why) => `تم إخراجك من ${entered(room)}. ${why}`.trim(),
    banned: (room, why) => `دخولك إلى ${entered(room)} محظور. ${why}`.trim(),
    signedOut: "تم تسجيل خروجك: لا يمكن دخول هذه الدردشة بلا حساب.",
    expired: "تم تسجيل خروجك: انتهت صلاحية تسجيل دخولك. يلزم تسجيل الدخول مجددًا للمتابعة.",
    forbidden: (why) => `لا يُسمح لك بالدخول هنا. ${why}`.trim(),
    tooManyErrors: (why) => `انقطع اتصالك بسبب كثرة الأخطاء أو الرسائل. ${why}`.trim(),
    tooBig: "كانت إحدى الرسائل كبيرة جدًا، لذلك أُغلق الاتصال.",
    ended: (why) => `أُغلق الاتصال. ${why}`.trim(),
    readOnly: "لا يمكن حفظ شيء الآن: تستطيع القراءة، وما تكتبه ينتظر.",
    slowed: "تكتب أسرع مما تقبله هذه الغرفة. ما تكتبه ينتظر.",
    roomForbidden: (room) => `لا يُسمح لك بدخول ${hash(room)}.`,
    roomRefused: (room, why) => `تعذّر دخول ${hash(room)}. ${why}`.trim(),
    again: (seconds) => (seconds === null ? "تجري المحاولة مجددًا…" : `المحاولة التالية بعد ${count(seconds, SECONDS)}.`),
    back: (seconds) => (seconds === null ? "يُعاد الاتصال…" : `إعادة الاتصال بعد ${count(seconds, SECONDS)}.`),
  },

  ways: {
    signIn: "تسجيل الدخول",
    tryNow: "المحاولة الآن",
    tryAgain: "المحاولة مجددًا",
    joinAgain: "الدخول مجددًا",
    otherName: "اسم آخر",
    leave: (room) => `مغادرة ${hash(room)}`,
  },

  about: {
    copyLink: "نسخ الرابط",
    add: "تعيين موضوع",
    none: "لا موضوع بعد.",
    set: (who, day, time) => say`وضع الموضوع ${who} · ${day}، ${time}`,
    begun: (who, day, time) => say`بدأها ${who} · ${day}، ${time}`,
    copied: "نُسخ رابط هذه الغرفة.",
    notCopied: "تعذّر نسخ الرابط.",
  },

  completeness: {
    when: (day, time) => say`${day}، ${time}`,
    unknown: "لا يُعرف شيء عن هذه الغرفة بعد.",
    behind: (when) => `لا يُعرف بعدُ ما جاء بعد هذا الوقت: ${when}.`,
    missing: (when) => (when === null ? "بعض الرسائل مفقودة." : `بعض الرسائل مفقودة قبل هذا الوقت: ${when}.`),
    begun: "لا رسالة مفقودة منذ بدأت هذه الغرفة.",
    since: (when) => (when === null ? "لا رسالة مفقودة." : `لا رسالة مفقودة منذ هذا الوقت: ${when}.`),
  },

  typing: {
    some: (people) => {
      const verb = formOf(people.length, forms("يكتب", "يكتب", "يكتبان", "يكتبون", "يكتبون", "يكتبون"));
      return `${list(people)} ${verb}…`;
    },
    many: "عدة أشخاص يكتبون…",
  },

  log: {
    loading: "يجري تحميل الرسائل الأقدم…",
    trimmed: "بعض الرسائل مفقودة هنا: غبت مدة أطول مما تحفظه هذه الغرفة.",
    epoch: "زالت الرسائل الأقدم: بدأ سجل هذه الغرفة من جديد.",
    empty: (room) => `لم يقل أحد شيئًا في ${hash(room)} بعد`,
    sayHello: "يمكنك إلقاء التحية: يراها من يأتي لاحقًا.",
    begins: (room) => `هنا بداية ${hash(room)}`,
    forgotten: "لا تُحفظ هنا رسائل أقدم.",
    seen: (day, time) => say`كما كانت عند آخر زيارة لك: ${day}، ${time}`,
    new: "جديد",
    latest: "الأحدث",
    noSuch: "الرسالة التي يقود إليها هذا الرابط لم تعد محفوظة هنا.",
    unread: (messages) => count(messages, NEW_MESSAGES),
  },

  message: {
    you: "أنت",
    says: (name) => say`${name ?? "أنت"}:`,
    somebody: "شخص ما",
    gone: "رسالة محذوفة",
    edited: "معدّلة",
    more: "عرض المزيد",
    less: "عرض أقل",
    saving: "يجري الحفظ…",
    removing: "يجري الحذف…",
    reaction: (emoji, given, people) => `${emoji} ${number(given)}، من ${people}`,
    readBy: (people) => `قرأ حتى هنا: ${list(people)}`,
    waiting: "بانتظار الإرسال",
    sending: "يجري الإرسال…",
    failed: (why) => `لم تُرسل. ${why}`,
    retry: "إعادة الإرسال",
    discard: "تجاهل",
  },

  code: {
    copy: "نسخ",
    copied: "تم النسخ",
    notCopied: "لا يسمح المتصفح لهذه الصفحة بالنسخ.",
  },

  composer: {
    emoji: "اختيار رمز تعبيري",
    placeholder: (room) => `رسالة إلى ${hash(room)}`,
    left: (characters) => `المتبقي: ${count(characters, CHARACTERS)}`,
    over: (characters) => `الزائد: ${count(characters, CHARACTERS)}`,
    full: "تنتظر الإرسال رسائل كثيرة جدًا.",
  },

  commands: {
    unknown: (command) => say`لا يوجد أمر ${`/${command}`}. لإرساله نصًا، يُبدأ بشرطتين مائلتين.`,
    notInEdit: (command) => say`الأمر ${`/${command}`} ليس للرسائل. لإبقائه نصًا، يُبدأ بشرطتين مائلتين.`,
    noAction: say`يلزم وصف ما تفعله: ${"/me يلوّح"}`,
    noName: say`يلزم ذكر الاسم الذي تريده: ${"/nick Ada"}`,
    accountName: "يأتي اسمك من حسابك.",
    nameRule: "يتكوّن الاسم من حرف واحد إلى 32 حرفًا.",
    notIn: (room) => `لست في ${hash(room)}.`,
    lastRoom: "لست في غرفة أخرى.",
  },

  sidebar: {
    moderate: (name) => say`الإشراف على ${name}`,
    menu: (room) => `قائمة ${hash(room)}`,
    favourite: "مفضلة",
    muted: "مكتومة",
    leave: (room) => `مغادرة ${hash(room)}`,
    unread: "غير مقروءة",
    mentionYou: (messages) =>
      formOf(messages, forms("تذكرك", "تذكرك", "تذكرانك", "تذكرك", "تذكرك", "تذكرك")),
    inside: (people) => count(people, forms("لا أحد", "شخص واحد", "شخصان", "# أشخاص", "# شخصًا", "# شخص")),
    here: (people) =>
      count(people, forms("لا أحد هنا", "شخص واحد هنا", "شخصان هنا", "# أشخاص هنا", "# شخصًا هنا", "# شخص هنا")),
    peopleHere: (people) =>
      formOf(people, forms("شخص هنا", "شخص هنا", "شخصان هنا", "أشخاص هنا", "شخصًا هنا", "شخص هنا")),
    large: "في غرفة بهذا الحجم لا يظهر إلا العدد.",
    asOf: (when) => `الحال حتى ${when}. ولا يُعرف من دخل أو خرج بعد ذلك.`,
    you: "أنت",
    out: "لا يمكن دخولها",
  },

  alerts: {
    group: "الإشعارات",
    all: "كل الرسائل",
    mentions: "عند ذكرك",
    none: "لا شيء",
    sound: "بصوت، في كل الغرف",
    denied: "لا يسمح متصفحك لهذه الصفحة بإشعارك. يمكن تغيير ذلك في إعداداته لهذه الصفحة.",
    title: (name, room) => (name === null ? hash(room) : `${say`${name}`} في ${hash(room)}`),
  },

  announcer: {
    message: (name, text) => say`${name}: ${text}`,
    many: (messages, people) => {
      const shown = people.length > 3 ? [...people.slice(0, 3), "آخرين"] : people;
      return `${count(messages, NEW_MESSAGES)} من ${list(shown)}`;
    },
  },

  errors: {
    bad_request: "لم تفهم الخدمة ذلك.",
    unknown_type: "لا تعرف الخدمة ذلك.",
    bad_room: "لا يصلح هذا اسمًا لغرفة.",
    not_joined: "لست في هذه الغرفة.",
    forbidden: "لا يُسمح لك بذلك.",
    too_large: "هذا أطول مما ينبغي.",
    too_many_rooms: "الغرف أكثر مما ينبغي.",
    rate_limited: "هذا أكثر مما ينبغي دفعة واحدة.",
    unavailable: "لا يمكن ذلك الآن.",
    "no such message": "لا توجد هذه الرسالة.",
    "the message is removed": "الرسالة محذوفة.",
    "only its author may do that": "لا يُسمح بذلك إلا لمن كتبها.",
    "the message has too many reactions": "على الرسالة تفاعلات كثيرة جدًا.",
    "the message has been changed too often": "عُدّلت الرسالة مرات كثيرة جدًا.",
    "you are muted": "تم كتمك.",
    "you may not enter this room": "لا يُسمح لك بدخول هذه الغرفة.",
    "only moderators and who began the room may set its topic": "لا يعيّن الموضوع إلا المشرفون ومن بدأ الغرفة.",
    "only moderators may do that": "لا يُسمح بذلك إلا للمشرفين.",
    "nothing is known of where this guest comes from": "لا يُعرف من أين يأتي هذا الضيف.",
    "too many frames": "كان ذلك أكثر مما ينبغي دفعة واحدة.",
    "It was being changed when its page went.": "كان تعديلها جاريًا عندما أُغلقت صفحتها.",
  },

  notices: {
    close: "إغلاق",
    notSent: (room) => `لم تُرسل رسالة إلى ${hash(room)}.`,
    messageGone: "حُذفت الرسالة. تبقى كلماتك هنا.",
    messageRemoved: (name) => say`حُذفت رسالة ${name}.`,
    noEmoji:
      "تعذّر تحميل الرموز التعبيرية الآن. أعد المحاولة عند عودة الاتصال، ويمكنك حتى ذلك الحين استعمال رموز لوحة المفاتيح.",
    notLoaded: "تعذّر تحميل هذا الجزء من الصفحة الآن.",
    edit: "لم يُقبل تعديلك.",
    remove: "لم تُحذف الرسالة.",
    react: "لم يُقبل تفاعلك.",
    topic: "لم يُعيَّن الموضوع.",
    refused: (what, why) => `${what} ${why}`,
  },
};
