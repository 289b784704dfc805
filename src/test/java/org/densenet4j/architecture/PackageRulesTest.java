package org.densenet4j.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceProvider;

import java.util.ServiceLoader;

/** The architecture of docs/design.md: spec, plan, engine, backends; cli above everything. */
@AnalyzeClasses(packages = "org.densenet4j", importOptions = ImportOption.DoNotIncludeTests.class)
class PackageRulesTest {
    private static final String ROOT = "org.densenet4j";

    @ArchTest static final ArchRule THE_RANDOM_GENERATOR_KNOWS_NOTHING = only("random");

    @ArchTest static final ArchRule FUNCTIONS_IN_C_KNOW_NOTHING = only("foreign");

    @ArchTest static final ArchRule DOWNLOADS_KNOW_NOTHING = only("download");

    @ArchTest static final ArchRule THE_GRAPH_KNOWS_NOTHING = only("graph");

    @ArchTest
    static final ArchRule THE_SPEC_KNOWS_THE_GRAPH_AND_DEFAULT_BOXES =
            only("spec", "graph", "random", "detection");

    @ArchTest
    static final ArchRule OTHER_PROCESSES_KNOW_FUNCTIONS_IN_C_ALONE =
            only("distributed", "foreign");

    @ArchTest
    static final ArchRule THE_BACKEND_INTERFACE_KNOWS_OTHER_PROCESSES_ALONE =
            only("backend", "distributed");

    @ArchTest
    static final ArchRule THE_PLAN_KNOWS_THE_SPEC_AND_THE_BACKEND_INTERFACE =
            only("plan", "graph", "spec", "backend");

    @ArchTest
    static final ArchRule THE_ENGINE_KNOWS_SPEC_PLAN_AND_BACKEND_INTERFACE =
            only("engine", "graph", "spec", "plan", "backend", "distributed");

    @ArchTest
    static final ArchRule FILES_KNOW_NO_NETWORK =
            noClasses()
                    .that()
                    .resideInAnyPackage(ROOT + ".io", ROOT + ".data")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            ROOT + ".graph",
                            ROOT + ".spec",
                            ROOT + ".plan",
                            ROOT + ".engine",
                            ROOT + ".train",
                            ROOT + ".backend..",
                            ROOT + ".cli");

    @ArchTest
    static final ArchRule DETECTION_KNOWS_FILES_AND_NO_NETWORK = only("detection", "data", "io");

    @ArchTest
    static final ArchRule ONLY_THE_SERVICE_LOADER_SEES_A_BACKEND =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".backend.*..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage(ROOT + ".backend.*..");

    @ArchTest
    static final ArchRule A_BACKEND_SHOWS_ITS_PROVIDER_AND_NOTHING_ELSE =
            classes()
                    .that()
                    .resideInAPackage(ROOT + ".backend.*")
                    .and()
                    .areTopLevelClasses()
                    .and()
                    .arePublic()
                    .should()
                    .implement(DeviceProvider.class);

    @ArchTest
    static final ArchRule MACHINE_CODE_IS_FOR_THE_CPU_BACKEND_ALONE =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".backend.cpu..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(ROOT + ".backend.cpu.asm..", ROOT + ".backend.cpu.jit..");

    @ArchTest
    static final ArchRule COMPILED_KERNELS_KNOW_ADDRESSES_AND_THE_ASSEMBLER_ONLY =
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + ".backend.cpu.jit..")
                    .should()
                    .dependOnClassesThat(
                            resideInAPackage(ROOT + "..")
                                    .and(
                                            resideOutsideOfPackages(
                                                    ROOT + ".backend.cpu.jit..",
                                                    ROOT + ".backend.cpu.asm..")));

    @ArchTest
    static final ArchRule THE_ASSEMBLER_KNOWS_NOTHING_OF_WHAT_IT_WRITES =
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + ".backend.cpu.asm..")
                    .should()
                    .dependOnClassesThat(
                            resideInAPackage(ROOT + "..")
                                    .and(
                                            resideOutsideOfPackages(
                                                    ROOT + ".backend.cpu.asm..",
                                                    ROOT + ".foreign")));

    @ArchTest
    static final ArchRule ONLY_THE_DEVICE_LOOKS_BACKENDS_UP =
            noClasses()
                    .that(not(belongToAnyOf(Device.class)))
                    .should()
                    .dependOnClassesThat()
                    .areAssignableTo(ServiceLoader.class);

    @ArchTest
    static final ArchRule NOTHING_DEPENDS_ON_THE_COMMAND_LINE =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".cli..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage(ROOT + ".cli..");

    @ArchTest
    static final ArchRule ONLY_THE_COMMAND_LINE_KNOWS_ITS_LIBRARY =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".cli..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("picocli..");

    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES =
            slices().matching(ROOT + ".(**)").should().beFreeOfCycles();

    /** Classes of this package use of the project only this package and {@code others}. */
    private static ArchRule only(String name, String... others) {
        String[] allowed = new String[others.length + 1];
        allowed[0] = ROOT + "." + name;
        for (int i = 0; i < others.length; i++) {
            allowed[i + 1] = ROOT + "." + others[i];
        }
        return noClasses()
                .that()
                .resideInAPackage(ROOT + "." + name)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage(ROOT + "..").and(not(resideInAnyPackage(allowed))));
    }
}
