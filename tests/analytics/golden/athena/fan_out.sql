SELECT
  'fan_out' AS "detector",
  1 AS "version",
  "t14"."subject",
  "t14"."window_start_us",
  "t14"."window_start_us" + 86400000000 AS "window_end_us",
  "t14"."from_us",
  "t14"."to_us",
  "t14"."payments",
  "t14"."amount",
  "t14"."score"
FROM (
  SELECT
    "t13"."subject",
    "t13"."to_us" - (
      "t13"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t13"."from_us") AS "from_us",
    MAX("t13"."to_us") AS "to_us",
    MAX("t13"."payments") AS "payments",
    MAX("t13"."amount") AS "amount",
    MAX("t13"."score") AS "score"
  FROM (
    SELECT
      "t12"."subject",
      "t12"."us" - 86400000000 AS "from_us",
      "t12"."us" AS "to_us",
      "t12"."payments",
      "t12"."total" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t12"."payments" * 100
          ) - (
            (
              "t12"."payments" * 100
            ) % 20
          )
        ) AS DOUBLE) / (
          20
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t11"."subject",
        "t11"."tx_id",
        "t11"."us",
        "t11"."amount",
        "t11"."new",
        COUNT(*) OVER (
          PARTITION BY "t11"."subject"
          ORDER BY "t11"."us" ASC
          RANGE BETWEEN 86400000000 preceding AND CURRENT ROW
        ) AS "payments",
        SUM("t11"."amount") OVER (
          PARTITION BY "t11"."subject"
          ORDER BY "t11"."us" ASC
          RANGE BETWEEN 86400000000 preceding AND CURRENT ROW
        ) AS "total"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t9"."subject",
            "t9"."tx_id",
            "t9"."us",
            "t9"."amount",
            "t9"."new"
          FROM (
            SELECT
              "t8"."subject",
              "t8"."tx_id",
              "t8"."us",
              "t8"."amount",
              "t8"."other",
              CASE
                WHEN (
                  LAG("t8"."us") OVER (
                    PARTITION BY "t8"."subject", "t8"."other"
                    ORDER BY "t8"."us" ASC, "t8"."tx_id" ASC
                  ) IS NULL
                )
                OR (
                  (
                    "t8"."us" - LAG("t8"."us") OVER (
                      PARTITION BY "t8"."subject", "t8"."other"
                      ORDER BY "t8"."us" ASC, "t8"."tx_id" ASC
                    )
                  ) > 86400000000
                )
                THEN 1
                ELSE 0
              END AS "new"
            FROM (
              SELECT
                "t7"."subject",
                "t5"."tx_id",
                "t5"."us",
                "t5"."amount",
                "t5"."recipient" AS "other"
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    "t1"."tx_id",
                    "t1"."us",
                    "t1"."kind",
                    "t1"."sender",
                    "t1"."recipient",
                    "t1"."amount",
                    "t1"."device"
                  FROM (
                    SELECT
                      *
                    FROM "payments" AS "t0"
                    WHERE
                      "t0"."verdict" IN ('allow', 'review')
                  ) AS "t1"
                ) AS "t2"
                WHERE
                  "t2"."kind" = 'payment'
              ) AS "t5"
              INNER JOIN (
                SELECT DISTINCT
                  "t4"."subject"
                FROM (
                  SELECT
                    "t2"."sender" AS "subject",
                    "t2"."us" - (
                      "t2"."us" % 86400000000
                    ) AS "bucket",
                    COUNT(*) AS "n",
                    SUM("t2"."amount") AS "total"
                  FROM (
                    SELECT
                      "t1"."tx_id",
                      "t1"."us",
                      "t1"."kind",
                      "t1"."sender",
                      "t1"."recipient",
                      "t1"."amount",
                      "t1"."device"
                    FROM (
                      SELECT
                        *
                      FROM "payments" AS "t0"
                      WHERE
                        "t0"."verdict" IN ('allow', 'review')
                    ) AS "t1"
                  ) AS "t2"
                  GROUP BY
                    1,
                    2
                ) AS "t4"
                WHERE
                  (
                    (
                      "t4"."n" >= 10
                    ) OR (
                      "t4"."total" >= 50000
                    )
                  )
                  AND "t4"."n" >= 10
              ) AS "t7"
                ON "t5"."sender" = "t7"."subject"
            ) AS "t8"
          ) AS "t9"
        ) AS "t10"
        WHERE
          "t10"."new" = 1
      ) AS "t11"
    ) AS "t12"
    WHERE
      "t12"."payments" >= 20 AND "t12"."us" >= 0
  ) AS "t13"
  GROUP BY
    1,
    2
) AS "t14"
