//! People, institutions and addresses in Chinese.
//!
//! Chinese has no spaces and no capitals: a name counts by its family name and by what stands beside it.

use std::ops::Range;

use super::lexicon::{Class, HANZI};
use super::{Detector, Trigger};
use crate::redact::Action;

pub(super) const PERSON_ZH: Detector = Detector {
    name: "person-zh",
    label: "PERSON",
    action: Action::Mask,
    shape: "a family name and one or two ideographs of a given name",
    validator: "a cue before it or a title behind it, or ideographs that are common in given names on both places",
    score: 65,
    trigger: Trigger::Word(HANZI),
    find: person,
    positives: &[
        "患者⟦张伟⟧,男",
        "姓名:⟦李小明⟧",
        "我叫⟦王芳⟧。",
        "⟦欧阳娜娜⟧女士",
        "联系人:⟦陈静⟧ 电话",
        "⟦王⟧先生您好",
        "尊敬的⟦刘强东⟧先生",
        "我是⟦赵敏⟧，手机",
        "由⟦赵丽华⟧医生主治",
    ],
    look_alikes: &[
        "我很高兴",
        "我是高中生",
        "我是全职的",
        "王国的方法",
        "黄色的花",
        "周末和同事开会",
        "张贴公告",
        "马上就来",
        "于是我们",
        "高等教育",
        "姓名:",
        "方向是北方",
        "安全生产",
        "何时开始",
        "姓名和电话",
    ],
};

pub(super) const ORGANIZATION_ZH: Detector = Detector {
    name: "organization-zh",
    label: "ORGANIZATION",
    action: Action::Mask,
    shape: "ideographs and `公司`, `医院`, `大学`, `银行`, `集团` behind them",
    validator: "a proper name of two ideographs at least before the kind",
    score: 66,
    trigger: Trigger::Word(HANZI),
    find: organization,
    positives: &[
        "就职于⟦北京华信科技有限公司⟧。",
        "在⟦上海市第一人民医院⟧就诊",
        "毕业于⟦浙江大学⟧",
        "⟦杭州宏达集团⟧的",
    ],
    look_alikes: &["我们公司", "这家医院", "在银行", "上大学", "本公司", "有限公司"],
};

pub(super) const ADDRESS_ZH: Detector = Detector {
    name: "address-zh",
    label: "ADDRESS",
    action: Action::Mask,
    shape: "province, city, district, road and number",
    validator: "a road, street, lane or village with a number",
    score: 68,
    trigger: Trigger::Word(HANZI),
    find: address,
    positives: &[
        "地址:⟦北京市朝阳区建国路88号3号楼502室⟧",
        "住在⟦上海市浦东新区世纪大道100号⟧。",
        "⟦广东省深圳市南山区科技园路1号⟧",
    ],
    look_alikes: &["北京市", "上海浦东", "一路走来", "在路上", "88号", "3号楼"],
};

/// Where to go on behind the ideograph at `at`, and whether a detector has to look.
pub(super) fn look(bytes: &[u8], at: usize) -> (usize, Class) {
    let Some(c) = hanzi(bytes, at) else { return (at + 1, 0) };
    let starts = FAMILIES.contains_char(c)
        || COMPOUND.contains_char(c)
        || matches!(
            c,
            '公' | '医'
                | '大'
                | '银'
                | '集'
                | '路'
                | '街'
                | '道'
                | '巷'
                | '弄'
                | '村'
                | '学'
                | '事'
                | '中'
                | '小'
                | '研'
                | '诊'
                | '幼'
                | '法'
                | '基'
                | '协'
                | '工'
                | '出'
        );
    (at + 3, if starts { HANZI } else { 0 })
}

/// A set of ideographs, as bits.
struct Set([u64; 328]);

impl Set {
    const fn new(list: &str) -> Self {
        let (bytes, mut bits, mut i) = (list.as_bytes(), [0; 328], 0);
        while i + 2 < bytes.len() {
            let code = (bytes[i] as usize & 15) << 12
                | (bytes[i + 1] as usize & 63) << 6
                | bytes[i + 2] as usize & 63;
            if code >= 0x4e00 && code < 0x4e00 + 328 * 64 {
                bits[(code - 0x4e00) / 64] |= 1 << ((code - 0x4e00) % 64);
            }
            i += 3;
        }
        Self(bits)
    }

    fn contains_char(&self, c: char) -> bool {
        (c as usize)
            .checked_sub(0x4e00)
            .and_then(|code| self.0.get(code / 64).map(|bits| bits >> (code % 64) & 1 == 1))
            .unwrap_or(false)
    }
}

/// The ideograph at `at`.
fn hanzi(bytes: &[u8], at: usize) -> Option<char> {
    let [a @ 0xe4..=0xe9, b @ 0x80..=0xbf, c @ 0x80..=0xbf] = *bytes.get(at..at + 3)? else {
        return None;
    };
    char::from_u32(u32::from(a & 15) << 12 | u32::from(b & 63) << 6 | u32::from(c & 63))
        .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c))
}

fn hanzi_before(bytes: &[u8], at: usize) -> Option<char> {
    hanzi(bytes, at.checked_sub(3)?)
}

fn person(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let (bytes, start) = (text.as_bytes(), at.start);
    let first = hanzi(bytes, start)?;
    let pair = text.get(start..start + 6).unwrap_or_default();
    let compound = COMPOUNDS.contains(&pair);
    if !compound && !FAMILIES.contains_char(first) {
        return None;
    }
    let given = start + if compound { 6 } else { 3 };
    let before = &text[..start];
    let before =
        before.trim_end_matches([' ', ':', ':', '是', '为', '、', '"', '“', '*', '-', '|', '\t']);
    let asked = before.len() < start && before.len() + 8 >= start;
    let cue = CUES.iter().any(|cue| before.ends_with(cue) || text[..start].ends_with(cue))
        || asked && FIELDS.iter().any(|cue| before.ends_with(cue));
    let field = asked
        && FIELDS.iter().any(|cue| before.ends_with(cue))
        && !text[before.len()..start].trim().is_empty();
    // What is left over behind none, one or two ideographs.
    for count in [2, 1, 0] {
        let end = given + count * 3;
        let Some(body) = text.get(given..end) else { continue };
        if !body.chars().all(|c| {
            hanzi(bytes, given).is_some()
                && !STOPS.contains_char(c)
                && ('\u{4e00}'..='\u{9fff}').contains(&c)
        }) {
            continue;
        }
        let rest = &text[end..];
        if TITLES.iter().any(|title| rest.starts_with(title))
            && !WORDS.iter().any(|word| text[start..].starts_with(word))
            && free_before(bytes, start, cue)
        {
            return Some(start..end);
        }
    }
    if WORDS.iter().any(|word| text[start..].starts_with(word)) && !field {
        return None;
    }
    for count in [2, 1] {
        let end = given + count * 3;
        let Some(body) = text.get(given..end) else { continue };
        let ideographs =
            body.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c) && !STOPS.contains_char(c));
        if !ideographs {
            continue;
        }
        let next = hanzi(bytes, end);
        let ends = next.is_none_or(|c| STOPS.contains_char(c));
        let typical = body.chars().filter(|c| GIVENS.contains_char(*c)).count();
        if (field || cue) && (ends && (field || typical > 0) || typical == count) {
            return Some(start..end);
        }
        if typical == count && count == 2 && ends && free_before(bytes, start, cue) {
            return Some(start..end);
        }
    }
    None
}

/// Whether a word may begin at `at`: behind no ideograph, or one that ends a word.
fn free_before(bytes: &[u8], at: usize, cue: bool) -> bool {
    cue || hanzi_before(bytes, at).is_none_or(|c| STOPS.contains_char(c) || BREAKS.contains_char(c))
}

fn organization(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let kind = KINDS.iter().find(|kind| text[at.start..].starts_with(**kind))?;
    let end = at.start + kind.len();
    let mut start = at.start;
    let mut count = 0;
    while hanzi_before(bytes, start)
        .filter(|c| count < 20 && (!BREAKS.contains_char(*c) || text[..start].ends_with("协和")))
        .is_some()
    {
        start -= 3;
        count += 1;
    }
    for word in ["有限责任", "股份有限", "有限"] {
        if text[start..at.start] == *word {
            return None;
        }
    }
    let behind = text[end..].chars().next();
    let goes_on = behind.is_some_and(|c| "生城卡账家".contains(c));
    let common = [
        "这家", "那家", "一家", "该", "本", "我们", "贵", "各", "某", "上", "人民", "家", "母",
        "子", "分", "总",
    ]
    .contains(&&text[start..at.start]);
    (count >= 2 && !common && !goes_on).then_some(start..end)
}

fn address(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    hanzi(bytes, at.start).filter(|c| matches!(c, '路' | '街' | '道' | '巷' | '弄' | '村'))?;
    let mut end = at.end;
    // The number: `88号`, `100弄5号`, then building, unit, floor and room.
    let mut numbered = false;
    loop {
        let digits = bytes[end..]
            .iter()
            .take(6)
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
            .count();
        let rest = &text[end + digits..];
        let Some(unit) =
            ["号楼", "号院", "号", "弄", "栋", "幢", "座", "单元", "层", "楼", "室", "户", "巷"]
                .iter()
                .find(|unit| rest.starts_with(**unit))
        else {
            break;
        };
        if digits == 0 {
            break;
        }
        end += digits + unit.len();
        numbered = true;
        let estate = text[end..]
            .char_indices()
            .take(9)
            .find(|(_, c)| !('\u{4e00}'..='\u{9fff}').contains(c));
        if let Some((len, _)) = estate.filter(|(len, c)| {
            *len > 0
                && c.is_ascii_digit()
                && !text[end..end + *len].contains(['的', '在', '和', '是'])
        }) {
            end += len;
        }
    }
    if !numbered {
        return None;
    }
    // Back over district, city and province.
    let mut start = at.start;
    let mut count = 0;
    while let Some(c) = hanzi_before(bytes, start) {
        if matches!(
            c,
            '在' | '于'
                | '到'
                | '往'
                | '至'
                | '是'
                | '为'
                | '址'
                | '的'
                | '去'
                | '自'
                | '从'
                | '由'
                | '住'
                | '给'
        ) || count > 24
        {
            break;
        }
        start -= 3;
        count += 1;
    }
    (count > 0).then_some(start..end)
}

/// Compound family names.
const COMPOUNDS: &[&str] = &[
    "欧阳", "司马", "上官", "诸葛", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯",
    "宇文", "长孙", "端木", "轩辕", "南宫", "独孤",
];
/// What compound family names begin with.
static COMPOUND: Set = Set::new("欧司上诸东皇尉公慕令夏宇长端轩南独");
/// Family names of one ideograph.
static FAMILIES: Set = Set::new(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝欧",
);
/// Ideographs that are common in given names.
static GIVENS: Set = Set::new(
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海波鹏飞斌辉浩宇轩涵欣怡佳慧玲玥琪雪婷婧妍倩颖莹晶晨曦阳旭东林森鑫淼梓睿博雅思雨诗梦琳瑶璐瑞祥福贵春兰花燕萍凤莲珍珠宝玉洁清云龙虎彬俊峰岩松柏青翠荣光亮昊天泽楠楷桐伊依宁安康乐心悦嘉家豪子皓煜航润锦程凯毅恒永庆元德义信仁礼智勤学良善美好艺琴韵美月星晓小大新民生才根土水金银铜铁钢琦琨珂珊瑾璇璟振邦立山川江河湖帆舟远达成功胜利先进步前卫兵兴旺盛昌茂繁翔宏鸿广厚坤乾坚健力雄威武斐然若如意妮媛嫣婉娴姗姣菲蓉蓓蕾薇萱芸苗茜莉莎芬芝彤彦彩灵冰凡丹一亚亦仪倩冬秋夏霖露雯霏颜香馨",
);
/// Ideographs that are in no given name, or begin what follows one.
static STOPS: Set = Set::new(
    "的是在和与了说您你我他她它们也有于从对向因已将被把去来到会要等及者得着过给让就都还很不没吗呢吧啊这那哪怎什么请谢写问答叫做为以之其或但而且所又再先女男岁打发收住电手身出任签提申告表认同今昨日月年号时表示负责联系于称曾通则应该该据经至",
);
/// Ideographs behind which a name may begin.
static BREAKS: Set = Set::new(
    "自至往的是在和与了说于从对向因将被把去到给让请由为及或叫找跟替见问告同该这那本某我你他她您们就职任住入聘约访",
);
/// What stands right before a name.
const CUES: &[&str] = &[
    "我叫",
    "我是",
    "名叫",
    "患者",
    "病人",
    "客户",
    "联系人",
    "收件人",
    "收货人",
    "申请人",
    "负责人",
    "经办人",
    "原告",
    "被告",
    "代表人",
    "委托人",
    "委托代理人",
    "代理人",
    "签名",
    "签字",
    "记者",
    "作者",
    "家属",
    "母亲",
    "父亲",
    "妻子",
    "丈夫",
    "儿子",
    "女儿",
    "亲爱的",
    "尊敬的",
    "同事",
    "朋友",
    "经理",
    "医生",
    "医师",
    "老师",
    "律师",
    "护士",
    "教授",
    "主任",
    "先生",
    "女士",
    "员工",
    "学生",
    "由",
    "客服",
    "代表",
    "队友",
    "室友",
    "邻居",
    "哥哥",
    "姐姐",
    "弟弟",
    "妹妹",
    "爷爷",
    "奶奶",
    "秘书",
    "司机",
    "主管",
    "工程师",
    "校长",
    "班主任",
    "专员",
    "顾问",
    "候选人",
    "应聘者",
    "嘉宾",
    "房东",
    "租客",
    "承租人",
    "出租人",
    "买方",
    "卖方",
    "证人",
    "乘客",
    "会员",
    "用户",
    "投保人",
    "被保险人",
];
/// Names of fields.
const FIELDS: &[&str] = &[
    "姓名",
    "名字",
    "患者",
    "病人",
    "联系人",
    "收件人",
    "收货人",
    "寄件人",
    "发件人",
    "申请人",
    "负责人",
    "经办人",
    "原告",
    "被告",
    "法定代表人",
    "代表人",
    "代表",
    "客服",
    "收货",
    "审批人",
    "审核人",
    "报告人",
    "紧急联系人",
    "提交人",
    "受益人",
    "导师",
    "主管",
    "面试官",
    "候选人",
    "委托人",
    "甲方",
    "乙方",
    "签名",
    "签字",
    "作者",
    "记者",
    "客户",
    "客户姓名",
    "医生",
    "主治医生",
    "主治医师",
    "医师",
    "护士",
    "老师",
    "经理",
    "家属",
    "持卡人",
    "户名",
    "开户名",
    "员工",
    "学生",
    "监护人",
    "参会人员",
    "主持人",
    "证人",
    "投保人",
    "被保险人",
    "出租方",
    "承租方",
    "承租人",
    "出租人",
    "房东",
    "租客",
    "称呼",
    "乘客",
];
/// What stands right behind a name.
const TITLES: &[&str] = &[
    "先生",
    "女士",
    "小姐",
    "太太",
    "医生",
    "大夫",
    "老师",
    "教授",
    "经理",
    "主任",
    "律师",
    "同学",
    "师傅",
    "护士",
    "博士",
    "院长",
    "校长",
    "同志",
    "医师",
    "总监",
    "董事长",
    "法官",
    "阿姨",
    "叔叔",
    "奶奶",
    "爷爷",
    "老板",
    "书记",
    "局长",
    "处长",
    "科长",
];
/// Words that begin like a name.
const WORDS: &[&str] = &[
    "高兴", "王国", "方法", "方式", "方面", "方向", "方便", "方案", "安全", "安排", "安装", "安静",
    "周末", "周年", "周围", "周期", "周一", "周二", "周三", "周四", "周五", "周六", "周日", "马上",
    "马路", "于是", "高级", "高中", "高等", "高度", "高速", "高效", "高血", "黄色", "黄金", "何时",
    "何处", "何种", "任何", "任务", "任意", "张贴", "和谐", "和平", "文件", "文化", "文明", "文学",
    "文字", "文章", "时间", "时候", "应该", "应用", "全部", "全国", "全家", "成功", "成为", "成立",
    "成都", "明天", "明年", "明白", "明显", "金融", "金额", "金属", "石油", "石头", "江苏", "江西",
    "江南", "武汉", "武器", "温度", "温暖", "白色", "白天", "华为", "华东", "华北", "华南", "关于",
    "关系", "关键", "关注", "关闭", "连接", "连续", "包括", "包含", "包装", "单位", "单元", "单独",
    "解决", "解释", "管理", "路由", "路线", "游戏", "游客", "项目", "车辆", "车站", "查询", "查看",
    "师傅", "老师", "农业", "农村", "古代", "季度", "季节", "许多", "许可", "严重", "严格", "向前",
    "万元", "万一", "毛病", "雷电", "龙头", "史上", "余额", "曾经", "程序", "程度", "施工", "施行",
    "简单", "简介", "简历", "上海", "东方", "南京", "南方", "长期", "长江", "长度", "长城", "长春",
    "长沙", "公司", "公共", "公开", "公安", "公告", "公里", "林业", "苏州", "郑州", "广州", "陕西",
    "汤药", "贺卡", "顾客", "顾问", "商品", "商务", "商业", "景区", "景色", "费用", "荣誉", "沙发",
    "党员", "宫颈", "冷静", "席位", "米饭", "明确", "水平", "路上", "常见", "盛大", "华丽", "左右",
    "祝福", "祝您", "宁波", "尚未", "符合", "舒服", "纪念", "纪律", "梅花", "童年", "毕业", "谷歌",
    "曲线", "翁婿", "房屋", "房间", "房东", "房租", "屈服", "尤其", "阳光", "边界", "仲裁", "边缘",
];
/// Kinds of institutions.
const KINDS: &[&str] = &[
    "公司",
    "医院",
    "大学",
    "银行",
    "集团",
    "学院",
    "学校",
    "事务所",
    "中学",
    "小学",
    "研究院",
    "研究所",
    "诊所",
    "幼儿园",
    "法院",
    "基金会",
    "协会",
    "工作室",
    "出版社",
];
