//! The words by which problems, causes, remedies and their success are known, by language.
//!
//! English first; German, French, Spanish, and some Italian, Portuguese and Dutch. Precision comes
//! before recall: what is not recognised is not learned, and nothing is lost.

use std::sync::LazyLock;

use regex::Regex;

/// Words that are looked for in one sentence or line.
pub(super) struct Cue(LazyLock<Option<Regex>>);

impl Cue {
    /// Whether it stands anywhere in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// `text` with every one of it replaced.
    pub(super) fn replaced(&self, text: &str, by: &str) -> String {
        self.0.as_ref().map_or_else(|| text.to_owned(), |it| it.replace_all(text, by).into_owned())
    }

    /// What its first group, or all of it, is wherever it stands.
    pub(super) fn all<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let Some(regex) = self.0.as_ref() else { return Vec::new() };
        let of = |found: regex::Captures<'t>| {
            let group = found.iter().skip(1).flatten().next();
            group.or(found.get(0)).map_or("", |found| found.as_str())
        };
        regex.captures_iter(text).map(of).collect()
    }
}

/// Whole words, in any case.
macro_rules! words {
    ($($word:literal),* $(,)?) => {
        Cue(LazyLock::new(|| {
            // Words that end with a colon or a blank have no boundary behind them.
            let words = concat!("(?i)\\b(?:\0" $(, "|", $word)*, ")(?:\\b|\\B$|\\W)");
            Regex::new(words).ok()
        }))
    };
}

/// As it is.
macro_rules! form {
    ($regex:expr) => {
        Cue(LazyLock::new(|| Regex::new($regex).ok()))
    };
}

/// A cause is named.
pub(super) static CAUSE: Cue = words![
    "(?:the|your|this|our) (?:\\w+ ){0,2}?(?:issue|problem|bug|culprit|cause|reason|error|failure|crash) (?:here |itself )?(?:was|is|were|turned out to be|comes? from|came from|stems? from|lies in|lay in)",
    "turns out",
    "turned out",
    "root[- ]cause(?: analysis)?(?: is| was)?:?",
    "(?:was|is|were|are) (?:being )?caused by",
    "(?:this|that|it) (?:happens|happened|fails|failed|occurs|occurred|broke|breaks|crashed|crashes) because",
    "what (?:was )?(?:broke|went wrong|happening)\\w* (?:was|is)",
    // German.
    "(?:das|dein|ihr|unser) (?:\\w+ )?problem (?:war|ist|lag|liegt|bestand|besteht)",
    "(?:der|die|den) (?:\\w+ )?(?:fehler|ursache|grund|auslöser|übeltäter) (?:\\w+ )?(?:war|ist|lag|liegt|kam|kommt|bestand|besteht)",
    "(?:lag|liegt) (?:\\w+ )?(?:daran|an der|an dem|am)",
    "es stellte sich heraus",
    "stellt sich heraus",
    "(?:ursache|grund):",
    // French.
    "(?:le|ton|votre|notre) (?:\\w+ )?(?:problème|souci|bug) (?:était|est|venait|vient|provenait|provient)",
    "(?:la|l['’]) ?(?:cause|erreur)(?: racine| profonde)? (?:était|est|venait|vient|provenait|provient)",
    "il s['’]avère",
    "il s['’]est avéré",
    "cause(?: racine)? ?:",
    // Spanish.
    "(?:el|tu|su|nuestro) (?:\\w+ )?(?:problema|error|fallo) (?:era|es|fue|estaba|está|viene|venía|ocurre|ocurría)",
    "la causa(?: raíz)? (?:era|es|fue)",
    "resulta que",
    "resultó que",
    "causa(?: raíz)?:",
    "se deb(?:e|ía|ió) a",
    // Italian, Portuguese, Dutch.
    "il problema (?:era|è|stava)",
    "la causa (?:era|è)",
    "si è scoperto che",
    "o (?:problema|erro) (?:era|é|foi|estava)",
    "a causa (?:era|é|foi)",
    "het probleem (?:was|is|lag|zat)",
    "de oorzaak (?:was|is)",
    "(?:het bleek|blijkt) dat",
];

/// The cause is spoken of as found or past: it says enough by itself.
pub(super) static FOUND: Cue = words![
    "(?:issue|problem|bug|culprit|cause|reason|error|failure|crash) (?:here |itself )?(?:was|were|turned out|came from)",
    "turns out",
    "turned out",
    "root[- ]cause(?: is| was)?:?",
    "(?:war|lag|bestand) ",
    "stellte? sich heraus",
    "ursache:",
    "(?:était|venait|provenait)",
    "avér[eé]",
    "cause(?: racine)? ?:",
    "(?:era|fue|estaba|venía|foi|estava|stava)",
    "result[aó] que",
    "causa(?: raíz)?:",
    "scoperto",
    "(?:was|lag|zat|bleek|blijkt) ",
];

/// What one is to do, or has done, is named as the remedy.
pub(super) static FIX: Cue = words![
    "(?:the|a|one|my|simple|quick|proper|correct|right|clean(?:est)?) (?:\\w+ )?(?:fix|solution|remedy|workaround) (?:was|is)",
    "(?:fix|solution|resolution|remedy|workaround):",
    "(?:fixed|solved|resolved|cured) (?:it|this|that|the \\w+|everything)?(?: \\w+){0,3} ?(?:by|with|in|:)",
    "(?:fixes|solves|resolves|cures) (?:it|this|that|the \\w+)",
    "(?:to|will|should|does) (?:fix|solve|resolve|cure) (?:it|this|that|the \\w+)",
    "you (?:\\w+ )?(?:need|have|want) to",
    "you must",
    "(?:now|and|then) (?:it|the \\w+|everything|all \\w+) (?:works?|pass(?:es|ed)?|succeed(?:s|ed)|builds?|compiles?|runs?|starts?|is gone|are gone)",
    "so (?:i|we)(?:'ve| have)? (?:\\w+ )?(?:changed|replaced|added|updated|removed|set|renamed|moved|pinned|upgraded|downgraded|wrapped|increased|enabled|disabled|installed)",
    // German.
    "(?:die|eine) (?:\\w+ )?(?:lösung|abhilfe) (?:war|ist)",
    "(?:lösung|abhilfe|behebung):",
    "(?:behoben|gelöst|repariert|korrigiert)",
    "(?:behebt|löst|beheben|hilft|half) ",
    "(?:du musst|sie müssen|man muss|wir müssen)",
    // French.
    "(?:la|une) solution (?:était|est|consiste)",
    "(?:solution|correctif|correction) ?:",
    "(?:corrigé|résolu|réparé)",
    "pour (?:corriger|résoudre|réparer|régler)",
    "(?:il faut|il fallait|il suffit de|vous devez|tu dois|on doit)",
    // Spanish.
    "la solución (?:es|era|fue|consiste)",
    "(?:solución|arreglo):",
    "(?:solucion|arregl|correg|resolv|solvent)(?:ado|ido|é|í|ó|ió)",
    "(?:resuelto|corrige|soluciona|arregla)",
    "para (?:solucionar|corregir|arreglar|resolver)",
    "(?:hay que|debes|tienes que|debe|tiene que|basta con|hace falta)",
    // Italian, Portuguese, Dutch.
    "(?:la soluzione (?:è|era)|soluzione:|risolto|bisogna|devi)",
    "(?:a solução (?:é|era|foi)|solução:|resolvido|corrigido|é preciso|você precisa)",
    "(?:de oplossing (?:is|was)|oplossing:|opgelost|verholpen|je moet)",
];

/// The one who speaks has done something.
pub(super) static DONE: Cue = words![
    "(?:i|we)(?:'ve| have)? (?:\\w+ly |now |also |just |then )?(?:changed|replaced|added|updated|removed|set|renamed|moved|pinned|upgraded|downgraded|wrapped|increased|decreased|enabled|disabled|installed|fixed|corrected|switched|reordered|restored|rewrote|bumped|escaped|quoted|declared|initialised|initialized|imported|exported|configured|cloned|cast|converted|reverted)",
    "(?:fixed|changed|replaced|added|updated|removed|renamed|pinned|upgraded|switched|corrected) (?:the|a|an|it|`)",
    "ich habe .{3,120}(?:geändert|ersetzt|hinzugefügt|ergänzt|entfernt|gesetzt|umbenannt|verschoben|aktualisiert|installiert|behoben|korrigiert|erhöht|aktiviert|deaktiviert)",
    "j['’]ai (?:\\w+ )?(?:remplacé|ajouté|changé|modifié|supprimé|corrigé|mis|renommé|déplacé|installé|augmenté|activé|désactivé)",
    "(?:he |hemos )?(?:cambiado|añadido|agregado|reemplazado|eliminado|actualizado|corregido|instalado|movido)",
    "(?:cambié|añadí|agregué|reemplacé|eliminé|actualicé|corregí|instalé|moví)",
    "ho (?:cambiato|aggiunto|sostituito|rimosso|aggiornato|corretto|installato)",
    "(?:mudei|adicionei|troquei|substituí|removi|atualizei|corrigi|instalei)",
    "ik heb .{3,120}(?:aangepast|vervangen|toegevoegd|verwijderd|gewijzigd|bijgewerkt|geïnstalleerd)",
];

/// A sentence begins by telling what to do.
pub(super) static ORDER: Cue = form!(concat!(
    r"(?i)^(?:(?:so|then|instead|just|simply|also|please|bitte|dann|also|einfach)[, ]+)?(?:",
    r"run|set|add|use|change|replace|remove|install|upgrade|update|pin|move|rename|delete|restart|",
    r"increase|raise|lower|export|wrap|pass|call|import|downgrade|enable|disable|put|clear|rebuild|",
    r"regenerate|declare|initiali[sz]e|switch|quote|escape|grant|create|bump|reinstall|rerun|try|",
    r"setze|setzen sie|füge|fügen sie|führe|führen sie|ersetze|ersetzen sie|ändere|ändern sie|",
    r"entferne|entfernen sie|installiere|installieren sie|starte|starten sie|benutze|verwende|",
    r"verwenden sie|erhöhe|erhöhen sie|lösche|löschen sie|",
    r"ajoutez|ajoute|remplacez|remplace|exécutez|exécute|lancez|lance|installez|installe|définissez|",
    r"définis|supprimez|supprime|utilisez|utilise|changez|change|redémarrez|redémarre|mettez|mets|",
    r"agrega|agregue|añade|añada|ejecuta|ejecute|instala|instale|cambia|cambie|reemplaza|reemplace|",
    r"usa|use|establece|establezca|elimina|elimine|reinicia|reinicie|actualiza|actualice|pon|",
    r"aggiungi|esegui|installa|sostituisci|rimuovi|imposta|adicione|execute|instale|substitua|remova|",
    r"voeg|voer|installeer|vervang|verwijder|gebruik|zet",
    r")\b"
));

/// Nobody is sure, or it did not help, or it is about something else.
pub(super) static HEDGE: Cue = words![
    "(?:might|may|maybe|could|possibly|perhaps|probably|likely|presumably|apparently|seems?|suspect|assum\\w+|guess|hypothe\\w+|theor\\w+)",
    "(?:not sure|unclear|unknown|uncertain|no idea|don['’]?t know|do not know|can['’]?t tell|cannot tell|can['’]?t determine|cannot determine|couldn['’]?t|could not|(?:have|has)(?:n['’]?t| not) (?:yet|been|found|fixed|solved|resolved|identified|figured)|not yet)",
    "^(?:if|when|once|unless|until|whether) ",
    "if the (?:issue|problem|error|bug|cause) ",
    "(?:let me|let['’]?s|i['’]?ll|i will|i['’]?m going to|we['’]?ll|next,? i|i need to (?:check|look|see|find|investigate))",
    "(?:not|isn['’]?t|wasn['’]?t|never|no longer) (?:the|a|an|your|our|caused|fixed|solved|resolved) ?",
    "(?:does|did|do|would|will|won|doesn|didn)(?:['’]?t| not) (?:fix|solve|resolve|help|work)",
    "(?:still|keeps?) (?:fail|break|crash|happen|see|get)",
    "(?:find|found|finding|identify|know|track\\w*|determin\\w+|investigat\\w+|debug\\w*|understand\\w*) (?:out )?(?:the|a|its|what) (?:\\w+ )?(?:root|cause|issue|problem|bug|reason|culprit)",
    "(?:issue|problem|bug|error)s? (?:was|is|were|are) (?:opened|closed|reported|filed|raised|created|assigned|tracked|discussed|mentioned|marked|labell?ed|logged|recorded|described|listed|that (?:nobody|no one))",
    "(?:would|should|can|could) (?:you|we|i|be)",
    "no (?:problem|issue|error|bug|fix|solution|root cause)",
    "(?:fictional|imagine|suppose|hypothetical|for example,? if)",
    // German.
    "(?:vielleicht|möglicherweise|könnte|dürfte|vermutlich|wahrscheinlich|eventuell|womöglich|scheint|anscheinend|unklar|unbekannt)",
    "^(?:falls|wenn|sobald|ob) ",
    "(?:lass mich|ich werde|ich schaue|ich prüfe|weiß nicht|wissen nicht|noch nicht|nicht (?:behoben|gelöst|das problem|die ursache|der grund|der fehler))",
    "kein (?:problem|fehler|grund)",
    // French.
    "(?:peut-être|pourrait|probablement|sans doute|il se peut|semble|apparemment|inconnue?|je suppose)",
    "^(?:si|quand|dès que) ",
    "(?:je vais|laissez-moi|laisse-moi|je ne sais pas|n['’](?:est|était) pas|ne (?:\\w+ )?pas)",
    // Spanish.
    "(?:quizás?|tal vez|podrían?|puede que|puede ser|probablemente|posiblemente|a lo mejor|parece|aparentemente|supongo|desconocida)",
    "^(?:cuando|en cuanto) ",
    "(?:voy a|déjame|déjeme|no sé|no sabemos|todavía no|aún no|no (?:era|es|fue|está|se ha))",
    "(?:forse|potrebbe|probabilmente|talvez|provavelmente|pode ser|misschien|waarschijnlijk|zou kunnen|lijkt)",
];

/// A line of a program's output that says what went wrong.
pub(super) static ERROR_LINE: Cue = form!(concat!(
    r"(?:\b[A-Za-z_.]*[a-z](?:Error|Exception)\b(?:\s*[:(\[]|$))",
    r"|(?i:^\W*(?:\S+\s)?(?:fatal|error|err!|panic|failure|fehler|erreur|errore|erro|fout)\b\s*(?:\[\w+\])?\s*(?::|TS\d|\w{1,6}\d{3}))",
    r"|(?i:\b(?:fatal error|fatal|error|fehler|erreur)(?:\[[\w-]+\]| [A-Z]{1,3}\d{3,5})?:\s)",
    r"|(?i:npm err!|panicked at|segmentation fault|core dumped|stack overflow|out of memory|traceback \(most recent)",
    r"|(?i:no such file|command not found|permission denied|connection (?:refused|reset|timed out)|module not found|cannot find module|no module named|undefined (?:reference|symbol|variable|method)|unresolved (?:import|external)|could not resolve|address already in use|port \d+ is (?:already )?in use|access denied|deadlock|timed? ?out\b)",
    r"|(?i:\b(?:exit(?:ed)?(?: with)?(?: code| status)|returned?) [1-9]\d*\b)",
    r"|\bE(?:NOENT|ACCES|CONNREFUSED|ADDRINUSE|CONNRESET|PERM|PIPE|INVAL|MFILE|NOSPC|TIMEDOUT|RESOLVE|INTEGRITY)\b",
    r"|\b(?:ERR|SQLITE|ORA|SIG)[_-]?[A-Z0-9_]{3,}\b",
    r"|(?i:\b(?:http|status(?: code)?|response)\W{0,3}[45]\d\d\b)"
));

/// Somebody says in their own words that something is wrong.
pub(super) static TROUBLE: Cue = words![
    "(?:errors?|exceptions?|fails?|failed|failing|failure|fatal|panics?|crash\\w*|broken|breaks|broke|hangs?|stuck|freez\\w+|leak\\w*|bug|wrong|corrupt\\w*|refused|denied|rejected|timeouts?|times out|timed out|undefined|missing|unable|segfault\\w*|deadlock\\w*|flaky|conflicts?)",
    "(?:can['’]?t|cannot|couldn['’]?t|won['’]?t|doesn['’]?t|does not|isn['’]?t|is not|aren['’]?t|don['’]?t) (?:\\w+ )?(?:work|start|run|build|compile|connect|find|load|open|resolve|import|install|render|show|update|save|boot|respond|match|log|deploy)\\w*",
    "not (?:working|starting|running|building|compiling|connecting|found|loading|responding|showing|updating|saving|recogni[sz]ed|allowed)",
    "(?:fehler\\w*|fehlgeschlagen|schlägt \\w*\\s?fehl|absturz|stürzt|kaputt|hängt|abgelehnt|verweigert|funktioniert .{0,30}nicht|geht .{0,30}nicht|startet .{0,30}nicht|läuft .{0,30}nicht|kann .{0,40}nicht|nicht gefunden|bricht .{0,30}ab)",
    "(?:erreurs?|échoue\\w*|échec|plante|planté|cassée?|bloquée?|refusée?|introuvable|impossible de|ne (?:\\w+ ){1,3}(?:pas|plus)|n['’]\\w+ (?:pas|plus))",
    "(?:falla\\w*|fallo|falló|rompe|roto|rota|cuelga|bloquea\\w*|rechazad[oa]|denegad[oa]|no (?:se )?(?:puede|pudo|puedo|funciona|arranca|compila|conecta|encuentra|carga|inicia|abre))",
    "(?:errore|fallisce|fallito|non (?:funziona|parte|trova|riesce|compila)|erro|falha|falhou|não (?:funciona|consegue|consigo|encontra|inicia|compila)|fout|mislukt|werkt niet|start niet|lukt niet)",
];

/// Nothing is wrong after all.
pub(super) static NO_ERRORS: Cue = words![
    "(?:0|no|zero|without|any|keine?|ohne|aucune?|sans|sin|ningún|cero|nessun|nenhum|geen) (?:\\w+ )?(?:errors?|failures?|failed|failing|fehler|erreurs?|errores|error|fallos|errori|erros|fouten)",
    "(?:errors?|failures?|failed|fehler|erreurs?|errores)[:=] ?0",
];

/// What a program prints when all is well.
pub(super) static PASSED: Cue = words![
    "(?:test result: ok|all (?:\\w+ )?(?:tests?|checks) pass\\w*|\\d+ passed|tests? passed|build succeeded|build successful|compiled successfully|successfully (?:built|installed|compiled|deployed|started|connected)|finished (?:`|dev|release|test)|exit(?:ed)?(?: with)?(?: code| status)?:? 0|0 failed|0 errors|no errors|done in|status: (?:200|201|ok|healthy)|http/\\S+ 20\\d)",
];

/// The line is a program's text, not its output.
pub(super) static SOURCE: Cue = form!(
    r"(?:[{};]\s*$|=>|\bcatch\s*\(|\bexcept\b.*:|\bif\s+err\b|\breturn\s|\bthrow\s|\braise\s|\bconsole\.|\bdef\s|\bfn\s|\bfunction\s|\bclass\s|^\s*import\s+\w|^\s*from\s+\S+\s+import|^\s*(?://|#|\*|/\*)|^\s*\d+[:|\t→-])"
);

/// It asks for an explanation or for work: whatever is named in it is no problem of the user.
pub(super) static TASK: Cue = form!(concat!(
    r"(?i)^\W*(?:(?:please|can you|could you|bitte|kannst du|können sie|peux-tu|pouvez-vous|s'il te plaît|puedes|podrías|por favor)\W+)?(?:",
    r"explain|describe|define|what (?:is|are|does|do)\b|write|translate|summari[sz]e|list|tell me|give me|generate|create|implement|add|refactor|compare|review|draft|teach|show me|how (?:do|can|should|would|to) (?:(?:i|we|you|one) )?(?:handle|write|use|create|make|implement|sort|test|log|design|structure|catch|throw|raise|return|define|read|parse|add)|rename|compose|classify|recommend|suggest|plan|",
    r"erkläre?|erklären sie|beschreibe|was (?:ist|sind|bedeutet)|schreib|übersetze?|fasse|nenne|zeige?|erstelle|",
    r"explique|expliquez|décris|qu'est-ce que|écris|écrivez|traduis|traduisez|résume|donne|liste|crée|",
    r"explica|describe|qué (?:es|son|significa)|escribe|traduce|resume|enumera|crea|dame|",
    r"spiega|scrivi|traduci|escreva|traduza|leg uit|schrijf|vertaal",
    r")\b"
));

/// The user says that it helped.
pub(super) static WORKED: Cue = words![
    "(?:that|this|it|which) (?:\\w+ )?(?:fixed|solved|resolved|did|worked|works|helped|cured)(?: it| the trick| that| this| now)?",
    "(?:works?|working|runs|builds|compiles|passes|green) (?:now|again|fine now|perfectly|like a charm|great now)",
    "(?:fixed|solved|resolved|sorted)(?:!|,|\\.| now| it| thanks| thank you|$)",
    "(?:all|now) (?:\\w+ )?(?:tests? pass|passes|passing|green|works?|good now)",
    "(?:problem|issue|bug) (?:is )?(?:gone|fixed|solved|resolved)",
    "(?:funktioniert|läuft|geht|klappt|baut|startet)(?: jetzt| nun| wieder| damit| es)+",
    "(?:jetzt|nun) (?:funktioniert|läuft|geht|klappt|startet)",
    "(?:danke|super|perfekt|prima|top)[,!.]? (?:das |es |jetzt )?(?:funktioniert|läuft|geht|klappt|hat geholfen|hat funktioniert|hat geklappt|war es|war's)",
    "(?:das|es) (?:hat|war) (?:es |das |genau )?(?:geholfen|funktioniert|geklappt|gelöst|behoben|der fehler|die lösung)",
    "(?:ça|cela) (?:marche|fonctionne|a marché|a fonctionné|a résolu|a corrigé|a réglé)",
    "c['’]est (?:bon|réglé|résolu|corrigé|réparé)",
    "(?:ya|ahora(?: sí| ya)?) (?:funciona|va|está (?:resuelto|solucionado|arreglado)|compila|arranca|anda)",
    "(?:funcionó|solucionado|resuelto|arreglado|eso (?:era|lo arregló|lo solucionó|funcionó)|gracias,? (?:ya )?(?:funciona|funcionó))",
    "(?:ora funziona|adesso funziona|ha funzionato|risolto|agora funciona|funcionou|resolvido|werkt nu|het werkt|opgelost)",
];

/// The user says that it did not help.
pub(super) static FAILED: Cue = words![
    "still (?:\\w+ )?(?:fails?|failing|broken|breaks?|crash\\w*|the same|not|doesn['’]?t|does not|getting|get|see|seeing|hangs?|error\\w*|happens?|there|an? error)",
    "(?:same|another) (?:\\w+ )?(?:error|problem|issue|result|failure|exception)",
    "(?:that|this|it) (?:\\w+ )?(?:didn['’]?t|did not|doesn['’]?t|does not|hasn['’]?t|won['’]?t) (?:\\w+ )?(?:help|work|fix|solve|change|resolve|make)\\w*",
    "(?:didn['’]?t|did not|doesn['’]?t|does not) (?:help|work|fix|solve)\\w*",
    "(?:no luck|no change|no difference|no effect|not fixed|not solved|not working|made it worse|worse now|even worse)",
    "(?:immer noch|noch immer|weiterhin|nach wie vor)",
    "(?:funktioniert|geht|klappt|läuft|hilft|half) (?:\\w+ )?(?:immer noch |noch |leider )?nicht",
    "hat (?:\\w+ )?nicht (?:geholfen|funktioniert|geklappt|gelöst)",
    "(?:gleicher?|derselbe|selber|der gleiche) fehler",
    "(?:toujours pas|toujours la même|même (?:erreur|problème)|encore la même|ne (?:marche|fonctionne) (?:toujours )?pas|n['’]a (?:pas|rien) (?:marché|aidé|changé|fonctionné|résolu))",
    "(?:sigue (?:sin|fallando|igual|dando|el mismo)|mismo error|no (?:funcion\\w+|ayudó|sirvió|cambió|se (?:soluciona|arregla))|todavía (?:falla|no)|aún (?:falla|no))",
    "(?:non funziona|stesso errore|ancora (?:lo stesso|non)|não funciona|mesmo erro|ainda (?:não|falha)|werkt (?:nog (?:steeds )?)?niet|zelfde fout)",
];

/// Asked, or said of something else: no word of success.
pub(super) static ASKED: Cue = words![
    "(?:how|why|what|when|where|whether|if|should|could|would|can|does|do|did|is|will) (?:\\w+ ){0,4}(?:it|this|that) (?:\\w+ )?(?:work|works|worked|fixed|solved|help)",
    "(?:make sure|ensure|verify|check|confirm|until|once|explain|so that|tell me) (?:\\w+ ){0,4}(?:work|works|fixed|solved|passes?|pass)",
    "(?:wie|warum|ob|wann|falls|wenn) (?:\\w+ ){0,4}(?:funktioniert|läuft|geht|klappt)",
    "(?:comment|pourquoi|si|quand) (?:\\w+ ){0,3}(?:marche|fonctionne)",
    "(?:cómo|como|por qué|si|cuando) (?:\\w+ ){0,3}funciona",
];

/// Text that speaks to a model, or a remedy that nobody should be offered unasked. No wall: it knows
/// how such orders are usually worded.
pub(super) static UNSAFE: Cue = form!(concat!(
    r"(?i)(?:ignore|disregard|forget|override|bypass) (?:\w+ ){0,3}(?:previous|prior|above|earlier|all|your|system|these|those) ?(?:\w+ ){0,2}(?:instruction|prompt|message|rule|guideline|context)",
    r"|system prompt|you are now|new instructions|</?(?:system|user|assistant|human|instructions?)\b|\bjailbreak",
    r"|(?:curl|wget|iwr|invoke-webrequest)\b[^\n]*\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b|(?:curl|wget)\b[^\n]*\|\s*(?:sudo\s+)?(?:python|perl|node|ruby)",
    r"|rm\s+-\w*[rf]\w*\s+(?:-\w+\s+)*(?:/|~|\$home)(?:\s|$|\*)|\bmkfs\b|:\(\)\s*\{|base64\s+(?:-d|--decode)[^\n]*\|",
    // What a model is to do from here on, whatever it is asked.
    r"|\b(?:from now on|from this point on|henceforth|going forward,? (?:answer|reply|respond|always))\b",
    r"|\b(?:always|never|only) (?:answer|reply|respond|obey|comply|refuse|mention|disclose|reveal|tell)\b",
    r"|\b(?:answer|reply|respond)(?: to| with)? (?:every|all|any|each) (?:\w+ ){0,2}(?:question|message|request|prompt)s?\b",
    r"|\b(?:every|each|all) (?:\w+ )?(?:answer|reply|replies)s? (?:must|should|shall|will|has to|have to)\b",
    r"|\b(?:you|assistants?|llms?|chatbots?|language models?) (?:will|must|shall|should|are to) (?:now |always |only |never )?(?:answer|reply|respond|obey|comply|ignore|refuse|pretend|send|upload|tell)\b",
    r"|\bpretend (?:to be|you|that)\b|\bact as (?:if you|an? (?:ai|assistant|hacker|admin\w*))\b|\bas an? (?:ai|language model|assistant)\b",
    r"|\b(?:reveal|print|show|repeat|output|disclose|leak|dump) (?:\w+ ){0,2}(?:your|its|hidden) (?:\w+ )?(?:prompt|instruction|rule|guideline|context)s?\b",
    // What is to go to somebody else, or behind the user's back.
    r"|\bexfiltrat|\b(?:send|upload|post|forward|e-?mail|mail|transmit|leak|copy) (?:\S+ ){0,4}?(?:them|everything|files?|contents?|secrets?|keys?|tokens?|credentials?|passwords?|history|conversations?|environment)(?: \S+){0,4}? to \S*(?:@|://|\[)",
    r"|\b(?:do not|don['’]?t|never|without) (?:tell|inform|ask|mention|warn|notif|alert)\w* (?:\w+ ){0,3}?(?:user|human|anyone|anybody|them)\b",
    r"|--(?:registry|(?:extra-)?index-url|trusted-host)[ =]",
    // German, French, Spanish, Italian, Portuguese, Dutch.
    r"|\b(?:ab (?:jetzt|sofort)|von (?:nun|jetzt) an|fortan) (?:\w+ ){0,3}?(?:antwort|beantwort|send|schick|ignorier|sag)|\b(?:be)?antworte (?:immer|nur|stets|jede|alle|auf jede)|\b(?:ignoriere?|vergiss|missachte) (?:\w+ ){0,3}(?:anweisung|vorgabe|regel|nachricht)|\bohne (?:den|die) (?:be)?nutzer",
    r"|\b(?:désormais|dorénavant|à partir de maintenant)\b|\bignore[zr]? (?:\w+ ){0,3}(?:instructions?|consignes?|règles?)|\brépond(?:s|ez) (?:toujours|uniquement|à (?:toute|chaque))",
    r"|\b(?:a partir de (?:ahora|agora)|de (?:ahora en adelante|agora em diante)|d['’]ora in poi|vanaf nu|voortaan)\b|\bignor[ae]\w* (?:\w+ ){0,3}(?:instrucciones|reglas|istruzioni|regole|instruções|regras)|\bresponde (?:siempre|sempre|a (?:todas|cada))|\bnegeer (?:\w+ ){0,3}(?:instructies|regels)",
    r"|chmod\s+(?:-R\s+)?777\s+/(?:\s|$)|--no-preserve-root|disable (?:the )?(?:firewall|antivirus|prxy|guardrails|airgap)"
));

/// What is another every time: times, addresses, numbers of processes and lines, colours.
pub(super) static NOISE: Cue = form!(concat!(
    r"\x1b\[[0-9;]*[A-Za-z]",
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\b",
    r"|\[\d\d:\d\d:\d\d\]|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b",
    r"|(?:\bat )?\b0x[0-9a-fA-F]{4,}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b|\b[0-9a-f]{20,}\b",
    r"|\(?\bpid[ =:]*\d+\)?|\bat line \d+\b"
));
/// Folders in front of a file, and the line and column behind it.
pub(super) static FOLDERS: Cue = form!(r"(?:[A-Za-z]:)?(?:[\\/]?[\w.@~+-]*[\\/])+([\w.@+-]*\w)");
pub(super) static LINES: Cue = form!(r"(\.\w{1,5}):\d+(?::\d+)?\b");

/// Words that name one error and no other.
pub(super) static CODES: Cue = form!(concat!(
    r"\b(?:[A-Z]{1,6}-?\d{3,6}|E[A-Z]{4,14}|SIG[A-Z]{3,6}|[A-Z][A-Z0-9]*_[A-Z0-9_]{2,})\b",
    r"|\b[A-Za-z]*[a-z](?:Error|Exception)\b",
    r"|(?i:exit(?:ed)?(?: with)?(?: code| status))\s([1-9]\d*)\b",
    r"|(?i:http|status|error|response|code)\D{0,4}([45]\d\d)\b"
));
/// Names in quotes, and names that only programs have.
pub(super) static NAMES: Cue = form!(concat!(
    "[`'\"‘“«]([^`'\"’”»\\s]{2,60})[`'\"’”»]",
    r"|\b([\w.-]+): (?:command )?not found",
    r"|\b([a-z]+_[a-z0-9_]+|[a-z]+[A-Z]\w+|[\w-]+\.[a-z]{1,4})\b"
));
/// What the name in the message is, is what the problem is.
pub(super) static NAMED: Cue = words![
    "(?:modules?|imports?|packages?|crates?|commands?|files?|tables?|columns?|librar(?:y|ies)|directory|no such|not found|package|undefined|unresolved|unknown|modul|befehl|datei|nicht gefunden|introuvable|fichier|commande|paquete|comando|archivo|no se encuentra)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cue_is_a_regex() {
        for (at, cue) in [
            &CAUSE,
            &FOUND,
            &FIX,
            &DONE,
            &ORDER,
            &HEDGE,
            &ERROR_LINE,
            &TROUBLE,
            &NO_ERRORS,
            &PASSED,
            &SOURCE,
            &TASK,
            &WORKED,
            &FAILED,
            &ASKED,
            &UNSAFE,
            &NOISE,
            &FOLDERS,
            &LINES,
            &CODES,
            &NAMES,
            &NAMED,
        ]
        .into_iter()
        .enumerate()
        {
            assert!(cue.0.is_some(), "number {at}");
            assert!(!cue.is_in(""), "number {at}");
        }
    }
}
