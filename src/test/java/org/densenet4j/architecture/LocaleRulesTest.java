package org.densenet4j.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

import java.io.PrintStream;
import java.util.Formatter;

/** Numbers and names are the same wherever a program runs: no decimal commas, no Turkish i. */
@AnalyzeClasses(packages = "org.densenet4j", importOptions = ImportOption.DoNotIncludeTests.class)
class LocaleRulesTest {
    private static final String WHY = "it depends on the locale; name Locale.ROOT";

    @ArchTest
    static final ArchRule FORMATS_NAME_THEIR_LOCALE =
            noClasses()
                    .should()
                    .callMethod(String.class, "format", String.class, Object[].class)
                    .orShould()
                    .callMethod(String.class, "formatted", Object[].class)
                    .orShould()
                    .callMethod(PrintStream.class, "printf", String.class, Object[].class)
                    .orShould()
                    .callMethod(PrintStream.class, "format", String.class, Object[].class)
                    .orShould()
                    .callConstructor(Formatter.class)
                    .because(WHY);

    @ArchTest
    static final ArchRule CASES_NAME_THEIR_LOCALE =
            noClasses()
                    .should()
                    .callMethod(String.class, "toLowerCase")
                    .orShould()
                    .callMethod(String.class, "toUpperCase")
                    .because(WHY);
}
