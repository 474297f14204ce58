WITH "t3" AS (
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
    "t2"."device" <> 0
)
SELECT
  'shared_device' AS "detector",
  1 AS "version",
  "t15"."subject",
  "t15"."window_start_us",
  "t15"."window_start_us" + 86400000000 AS "window_end_us",
  "t15"."from_us",
  "t15"."to_us",
  "t15"."payments",
  "t15"."amount",
  "t15"."score"
FROM (
  SELECT
    "t14"."subject",
    "t14"."to_us" - (
      "t14"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t14"."from_us") AS "from_us",
    MAX("t14"."to_us") AS "to_us",
    MAX("t14"."payments") AS "payments",
    MAX("t14"."amount") AS "amount",
    MAX("t14"."score") AS "score"
  FROM (
    SELECT
      "t13"."subject",
      "t13"."us" - 604800000000 AS "from_us",
      "t13"."us" AS "to_us",
      "t13"."payments",
      "t13"."total" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t13"."payments" * 100
          ) - (
            (
              "t13"."payments" * 100
            ) % 5
          )
        ) AS DOUBLE) / (
          5
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t12"."subject",
        "t12"."tx_id",
        "t12"."us",
        "t12"."amount",
        "t12"."new",
        COUNT(*) OVER (
          PARTITION BY "t12"."subject"
          ORDER BY "t12"."us" ASC
          RANGE BETWEEN 604800000000 preceding AND CURRENT ROW
        ) AS "payments",
        SUM("t12"."amount") OVER (
          PARTITION BY "t12"."subject"
          ORDER BY "t12"."us" ASC
          RANGE BETWEEN 604800000000 preceding AND CURRENT ROW
        ) AS "total"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t10"."subject",
            "t10"."tx_id",
            "t10"."us",
            "t10"."amount",
            "t10"."new"
          FROM (
            SELECT
              "t9"."subject",
              "t9"."tx_id",
              "t9"."us",
              "t9"."amount",
              "t9"."other",
              CASE
                WHEN (
                  LAG("t9"."us") OVER (
                    PARTITION BY "t9"."subject", "t9"."other"
                    ORDER BY "t9"."us" ASC, "t9"."tx_id" ASC
                  ) IS NULL
                )
                OR (
                  (
                    "t9"."us" - LAG("t9"."us") OVER (
                      PARTITION BY "t9"."subject", "t9"."other"
                      ORDER BY "t9"."us" ASC, "t9"."tx_id" ASC
                    )
                  ) > 604800000000
                )
                THEN 1
                ELSE 0
              END AS "new"
            FROM (
              SELECT
                "t8"."subject",
                "t5"."tx_id",
                "t5"."us",
                "t5"."amount",
                "t5"."sender" AS "other"
              FROM "t3" AS "t5"
              INNER JOIN (
                SELECT DISTINCT
                  "t6"."subject"
                FROM (
                  SELECT
                    "t4"."device" AS "subject",
                    MIN("t4"."sender") AS "first",
                    MAX("t4"."sender") AS "last"
                  FROM "t3" AS "t4"
                  GROUP BY
                    1
                ) AS "t6"
                WHERE
                  "t6"."first" <> "t6"."last"
              ) AS "t8"
                ON "t5"."device" = "t8"."subject"
            ) AS "t9"
          ) AS "t10"
        ) AS "t11"
        WHERE
          "t11"."new" = 1
      ) AS "t12"
    ) AS "t13"
    WHERE
      "t13"."payments" >= 5 AND "t13"."us" >= 0
  ) AS "t14"
  GROUP BY
    1,
    2
) AS "t15"
