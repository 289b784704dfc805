package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import jcuda.driver.CUresult;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DriverErrorTest {
    /** Names and numbers against those that JCuda took from cuda.h. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            // That of the runtime library, cudaErrorInsufficientDriver, and one newer than JCuda's.
            names = {"INSUFFICIENT_DRIVER", "CALL_REQUIRES_NEWER_DRIVER", "CONTAINED"})
    void namesAreTheDriversOwn(DriverError error) {
        assertEquals(error.driverName(), CUresult.stringFor(error.code()));
    }

    @ParameterizedTest
    @EnumSource
    void causeAndMendAreOneLineAndSaySomething(DriverError error) {
        assertEquals(error, DriverError.of(error.code()).orElseThrow());
        assertFalse(error.causeAndMend().cause().isBlank());
        assertFalse(error.causeAndMend().mend().isBlank());
        assertEquals(1, error.causeAndMend().line().lines().count());
    }
}
