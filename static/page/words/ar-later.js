/**
 * العربية: ما يُقال بعد تحميل بقية الصفحة.
 * @module
 */

import { count, hash, say, span } from "../words.js";

/** @import { Forms, LaterWords, Sanction } from "../words.js" */

/**
 * The six forms of a word, by Arabic's categories of numbers; `#` is the number.
 * @type {(zero: string, one: string, two: string, few: string, many: string, other: string) => Forms}
 */
const forms = (zero, one, two, few, many, other) => ({ zero, one, two, few, many, other });

const MESSAGES = forms("لا رسائل", "رسالة واحدة", "رسالتان", "# رسائل", "# رسالة", "# رسالة");

/** @param {Sanction} what */
const who = ({ name, network }) => (network ? say`${name} وجميع ضيوف الشبكة نفسها` : say`${name}`);

/** @param {string | null} room */
const place = (room) => (room === null ? "في كل مكان" : `في ${hash(room)}`);

/** @param {string | null} room */
const inside = (room) => (room === null ? "" : ` في ${hash(room)}`);

/** @param {string | null} room */
const entered = (room) => (room === null ? "هذه الدردشة" : hash(room));

/** @param {Sanction} what */
const lasting = ({ seconds }) => (seconds === null ? "حتى إلغاء ذلك" : `المدة: ${span(seconds)}`);

/** @type {LaterWords} */
export const words = {
  out: {
    title: "أتريد تسجيل الخروج؟",
    what: "يزول ما يحفظه هذا المتصفح عنك: غرفك وما بدأت كتابته.",
    guest: "لا يستطيع الضيف العودة بالهوية نفسها.",
    waiting: (messages) =>
      count(
        messages,
        forms(
          "لا رسائل لك تنتظر.",
          "لن تُرسل رسالة واحدة لك.",
          "لن تُرسل رسالتان لك.",
          "لن تُرسل # رسائل لك.",
          "لن تُرسل # رسالة لك.",
          "لن تُرسل # رسالة لك.",
        ),
      ),
    instead: "تسجيل الدخول بدلًا من ذلك",
    stay: "البقاء",
    go: "تسجيل الخروج",
  },

  picker: {
    emoji: "رموز تعبيرية",
    search: "بحث عن رمز (بالإنجليزية)",
    groups: "مجموعات",
    group: {
      "smileys-emotion": "وجوه ومشاعر",
      "people-body": "أشخاص وأجسام",
      "animals-nature": "حيوانات وطبيعة",
      "food-drink": "طعام وشراب",
      "travel-places": "سفر وأماكن",
      activities: "أنشطة",
      objects: "أشياء",
      symbols: "رموز",
      flags: "أعلام",
    },
    recent: "استُخدمت مؤخرًا",
    found: "نتائج البحث",
    none: "لا رمز تعبيريًا بهذا الاسم",
    results: (emoji) =>
      count(
        emoji,
        forms(
          "لا رموز تعبيرية",
          "رمز تعبيري واحد",
          "رمزان تعبيريان",
          "# رموز تعبيرية",
          "# رمزًا تعبيريًا",
          "# رمز تعبيري",
        ),
      ),
    tone: "لون البشرة",
    tones: ["بلا لون", "فاتح", "فاتح إلى متوسط", "متوسط", "متوسط إلى داكن", "داكن"],
    toneIs: (tone) => `لون البشرة: ${tone}`,
  },

  tools: {
    bar: "الرسالة",
    pick: "اختيار تفاعل",
    link: "نسخ رابط هذه الرسالة",
    linkCopied: "نُسخ رابط هذه الرسالة.",
    edit: "تعديل",
    remove: "حذف",
    react: (emoji) => `التفاعل بـ ${emoji}`,
  },

  moderation: {
    what: "الإجراء",
    restrict: "تقييد",
    lift: "إلغاء التقييد",
    actions: {
      mute: "كتم",
      slow: "إبطاء",
      kick: "إخراج",
      ban: "حظر",
      unmute: "إلغاء الكتم",
      unslow: "إلغاء الإبطاء",
      unban: "إلغاء الحظر",
    },
    where: "المكان",
    here: (room) => `في ${hash(room)}`,
    everywhere: "في كل مكان",
    forHowLong: "المدة",
    forGood: "حتى إلغاء ذلك",
    reason: "السبب الذي سيُبلَّغ به",
    network: "جميع ضيوف شبكته أيضًا",
    undo: "تراجع",
    will: {
      mute: (what) => `لن يُقبل شيء${inside(what.room)} من: ${who(what)} (${lasting(what)}).`,
      slow: (what) => `ستُقبل رسالة واحدة كل 10 ثوانٍ${inside(what.room)} من: ${who(what)} (${lasting(what)}).`,
      kick: ({ name, room }) => `سيجري إخراج ${say`${name}`} من ${entered(room)}، مع إمكان العودة.`,
      ban: (what) => `لا دخول إلى ${entered(what.room)} لكل من: ${who(what)} (${lasting(what)}).`,
      unmute: (what) => `تعود الكتابة${inside(what.room)} متاحة لكل من: ${who(what)}.`,
      unslow: (what) => `تعود الكتابة${inside(what.room)} بسرعة الآخرين متاحة لكل من: ${who(what)}.`,
      unban: (what) => `يعود الدخول إلى ${entered(what.room)} متاحًا لكل من: ${who(what)}.`,
    },
    done: {
      mute: (what) => `تم الكتم ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      slow: (what) => `تم الإبطاء ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      kick: ({ name, room }) => `تم إخراج ${say`${name}`} من ${entered(room)}.`,
      ban: (what) => `تم الحظر ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      unmute: (what) => `أُلغي الكتم ${place(what.room)}: ${who(what)}.`,
      unslow: (what) => `أُلغي الإبطاء ${place(what.room)}: ${who(what)}.`,
      unban: (what) => `أُلغي الحظر ${place(what.room)}: ${who(what)}.`,
    },
    notTakenBack: (why) => `لم يتم التراجع عن ذلك. ${why}`,
    failed: {
      offline: "لا يوجد اتصال.",
      timeout: "لم يصل رد: ربما تم ذلك وربما لا.",
      busy: "ينتظر الرد أكثر مما ينبغي.",
    },
  },

  completion: {
    offered: (offers) =>
      count(offers, forms("لا اقتراحات", "اقتراح واحد", "اقتراحان", "# اقتراحات", "# اقتراحًا", "# اقتراح")),
    commands: {
      me: "وصف ما تفعله",
      nick: "تغيير اسمك",
      join: "فتح غرفة",
      leave: "مغادرة غرفة",
      help: "ما يمكن كتابته",
    },
  },

  help: {
    title: "الكتابة هنا",
    close: "إغلاق",
    parts: [
      {
        name: "الأوامر",
        rows: [
          ["/me يلوّح", "يصف ما تفعله"],
          ["/nick Ada", "يغيّر اسمك"],
          ["/join garden", "يفتح غرفة"],
          ["/leave", say`يغادر هذه الغرفة؛ ${"/leave garden"} يغادر غيرها`],
          ["/help", "يعرض هذا"],
          ["//help", say`يرسل «${"/help"}» نصًا`],
        ],
      },
      {
        name: "التنسيق",
        rows: [
          ["**عريض**", "عريض"],
          ["*مائل* أو _مائل_", "مائل"],
          ["~~محذوف~~", "مشطوب"],
          ["`code`", "شيفرة في سطر"],
          ["```py\n…\n```", "كتلة شيفرة مع لغتها"],
          ["> كلمات", "اقتباس"],
          ["- واحد أو 1. واحد", "قائمة"],
          [say`[كلمات](${"https://…"})`, "رابط بكلمات من عندك"],
        ],
      },
      {
        name: "المفاتيح",
        rows: [
          ["Enter", "يرسل؛ وعلى شاشات اللمس يبدأ سطرًا جديدًا"],
          ["Shift+Enter", "يبدأ سطرًا جديدًا"],
          ["Ctrl+B, Ctrl+I", say`يجعل المحدَّد عريضًا أو مائلًا؛ وعلى Mac بمفتاح ${"⌘"}`],
          ["↑", "في مربع فارغ: يعدّل آخر رسالة لك"],
          ["Esc", "يترك التعديل"],
          ["Ctrl+K", say`ينتقل إلى غرفة أخرى؛ وعلى Mac ${"⌘K"}`],
        ],
      },
    ],
  },

  settings: {
    title: "المظهر واللغة",
    theme: "الألوان",
    themes: { system: "النظام", light: "فاتح", dark: "داكن" },
    density: "الرسائل",
    densities: { cosy: "مريح", compact: "مضغوط" },
    language: "اللغة",
    browser: "كما في المتصفح",
    close: "إغلاق",
  },

  switcher: {
    hint: "جزء من اسمها",
    current: "أنت هنا",
    begin: "غرفة جديدة",
    unread: (messages) =>
      count(
        messages,
        forms(
          "لا جديد",
          "واحدة غير مقروءة",
          "اثنتان غير مقروءتين",
          "# غير مقروءة",
          "# غير مقروءة",
          "# غير مقروءة",
        ),
      ),
    mentions: (messages) =>
      count(messages, forms("لا إشارات إليك", "إشارة إليك", "إشارتان إليك", "# إشارات إليك", "# إشارة إليك", "# إشارة إليك")),
    found: (rooms) => count(rooms, forms("لا غرف", "غرفة واحدة", "غرفتان", "# غرف", "# غرفة", "# غرفة")),
  },

  removal: {
    title: "أتريد حذف هذه الرسالة؟",
    what: "يُحذف نصها لدى الجميع، وتبقى ملاحظة في مكانها.",
    keep: "إبقاؤها",
    remove: "حذف",
  },

  renaming: {
    title: "تغيير اسمك",
    name: "الاسم الجديد",
    save: "حفظ",
  },

  topic: {
    label: "الموضوع",
    hint: "عمّ تدور هذه الغرفة؟",
    set: "تعيين الموضوع",
  },

  queue: {
    summary: (waiting, failed, why) => {
      const fates = {
        unconnected: "بانتظار الاتصال",
        unstored: "بانتظار إمكان الحفظ",
        slowed: "ستُرسل تباعًا",
      };
      const first = waiting > 0 ? `${count(waiting, MESSAGES)} ${why ? fates[why] : "قيد الانتظار"}.` : "";
      const second = failed > 0 ? `لم تُرسل ${count(failed, MESSAGES)}.` : "";
      return `${first} ${second}`.trim();
    },
    states: { queued: "قيد الانتظار", sending: "في الطريق…", paused: "موقوفة", failed: "لم تُرسل" },
    what: (frame) => {
      if (frame.type === "send") return frame.text;
      if (frame.type === "edit") return say`تعديل رسالة: ${frame.text}`;
      if (frame.type === "remove") return "حذف رسالة";
      if (frame.type === "topic") return say`الموضوع: ${frame.text}`;
      return frame.on === false ? `سحب تفاعل: ${frame.emoji}` : `تفاعل: ${frame.emoji}`;
    },
    inRoom: (room, fate) => `${hash(room)} · ${fate}`,
    text: "النص الجديد",
    edit: "تعديل",
    sendNow: "الإرسال الآن",
  },
};
