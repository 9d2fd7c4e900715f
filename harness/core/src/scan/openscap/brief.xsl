<?xml version="1.0" encoding="UTF-8"?>
<!-- Of the results of `oscap xccdf eval` what becomes rows: selected rules with title, severity and CIS numbers, and their results. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:x="http://checklists.nist.gov/xccdf/1.2"
    exclude-result-prefixes="x">
  <xsl:output method="xml" encoding="UTF-8"/>
  <xsl:key name="asked" match="x:rule-result[x:result != 'notselected']" use="@idref"/>
  <xsl:template match="/">
    <xsl:apply-templates select="//x:Benchmark[x:TestResult][1]"/>
  </xsl:template>
  <xsl:template match="x:Benchmark">
    <Benchmark id="{@id}">
      <title><xsl:value-of select="normalize-space(x:title)"/></title>
      <xsl:apply-templates select=".//x:Rule[key('asked', @id)]"/>
      <xsl:apply-templates select="x:TestResult"/>
    </Benchmark>
  </xsl:template>
  <xsl:template match="x:Rule">
    <Rule id="{@id}" severity="{@severity}">
      <title><xsl:value-of select="normalize-space(x:title)"/></title>
      <xsl:for-each select="x:reference[contains(@href, 'cisecurity.org') and not(contains(@href, '/controls'))]">
        <reference href="{@href}"><xsl:value-of select="."/></reference>
      </xsl:for-each>
      <xsl:for-each select="x:ident">
        <ident system="{@system}"><xsl:value-of select="."/></ident>
      </xsl:for-each>
    </Rule>
  </xsl:template>
  <xsl:template match="x:TestResult">
    <TestResult end-time="{@end-time}" test-system="{@test-system}">
      <benchmark id="{x:benchmark/@id}" href="{x:benchmark/@href}"/>
      <profile idref="{x:profile/@idref}"/>
      <target><xsl:value-of select="x:target"/></target>
      <xsl:for-each select="x:rule-result">
        <rule-result idref="{@idref}" severity="{@severity}" role="{@role}">
          <result><xsl:value-of select="x:result"/></result>
          <xsl:for-each select="x:message[1]">
            <message><xsl:value-of select="substring(., 1, 1000)"/></message>
          </xsl:for-each>
        </rule-result>
      </xsl:for-each>
    </TestResult>
  </xsl:template>
</xsl:stylesheet>
